// Finds out whose flows they are.

#ifndef PROBE_CONTAINERS_CONTAINER_WATCH_H_
#define PROBE_CONTAINERS_CONTAINER_WATCH_H_

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "common/logging/logger.h"
#include "common/time/clock.h"
#include "probe/capture/interface_directory.h"
#include "probe/capture/interface_senders.h"
#include "probe/containers/cgroup_tree.h"
#include "probe/containers/flow_containers.h"
#include "probe/containers/namespace_owners.h"
#include "probe/containers/pod_names.h"
#include "probe/containers/socket_owners.h"

namespace audio_latency::probe {

// What is asked for and what came of it.
struct ContainerStatistics {
  size_t containers = 0;  // that the newest look at the cgroups found
  uint64_t cgroup_scans = 0;
  uint64_t questions = 0;
  // Flows whose container was found by the sender at its interface, by the owner of its socket, and
  // by the addresses inside the network namespaces.
  uint64_t found_by_sender = 0;
  uint64_t found_by_socket = 0;
  uint64_t found_by_address = 0;
  // Flows that no container could be found for yet, and those for which there was no room.
  size_t waiting = 0;
  uint64_t dropped = 0;
  PodNames::Statistics kubelet;
};

// One thread, which sleeps while every flow is settled. The container behind a veth is that of the
// first packet that a socket in it sends (InterfaceSenders); where that tells nothing, as without
// cgroup v2, the one whose network namespace has the flow's address (NamespaceOwners, needs the
// machine's process numbers). At other interfaces it is the owner of the node's own socket
// (SocketOwners). A flow that nothing is found for goes without, whatever the reason.
class ContainerWatch final : public FlowContainers {
 public:
  // Flows that wait at once.
  static constexpr size_t kMostWaiting = 65'536;

  // What is a pointer must outlive the watch.
  struct Parts {
    InterfaceSenders* senders = nullptr;
    // Null: the kernel cannot be asked; flows of the node itself go without.
    std::unique_ptr<SocketOwners> sockets;
    // Null: pods have no names here.
    std::unique_ptr<KubeletClient> kubelet;
    const InterfaceDirectory* directory = nullptr;
    // kUnknown: all.
    ContainerRuntime only = ContainerRuntime::kUnknown;
    // The monotonic one.
    const Clock* clock = nullptr;
    Logger* logger = nullptr;
    // As CgroupTree and NamespaceOwners have them.
    std::string mountinfo = "/proc/self/mountinfo";
    std::string proc = "/proc";
  };

  static std::unique_ptr<ContainerWatch> Start(Parts parts);
  ~ContainerWatch() override;
  ContainerWatch(const ContainerWatch&) = delete;
  ContainerWatch& operator=(const ContainerWatch&) = delete;

  void Ask(const FlowQuestion& question, const std::shared_ptr<ContainerSlot>& slot) override;

  // From any thread.
  ContainerStatistics statistics() const;

 private:
  struct Waiting {
    FlowQuestion question;
    // The flow's own; it goes with the flow.
    std::weak_ptr<ContainerSlot> slot;
    std::optional<ContainerIdentity> identity;
    bool has_name = false;
    int64_t next_try_ns = 0;
    int tries = 0;
  };
  struct Veth {
    // Of the interface's entry in the directory: with another one it is another interface.
    uint64_t revision = 0;
    std::optional<ContainerIdentity> identity;
    // Before the first sender: since when it is asked for.
    int64_t asked_since_ns = 0;
    int64_t next_ask_ns = 0;
    bool is_needed = false;
  };
  struct KnownVeth {
    uint64_t revision = 0;
    std::shared_ptr<const FlowContainer> container;
  };
  enum class Outcome { kSettled, kWait };

  explicit ContainerWatch(Parts parts);
  void Run(const std::stop_token& stop);
  void TellStart();
  // Looks at all flows that wait.
  void Look();
  Outcome LookAt(Waiting* waiting, int64_t now_ns);
  Outcome FindBehindVeth(Waiting* waiting, int64_t now_ns);
  Outcome FindBySocket(Waiting* waiting, int64_t now_ns);
  void FindByAddress(Waiting* waiting, int64_t now_ns);
  // Tells the flow what is known of its container.
  Outcome Tell(Waiting* waiting);
  void AskSender(uint32_t interface_index, Veth* veth, int64_t now_ns);
  // Forgets interfaces that are gone.
  void ForgetGone();
  // Stops asking at interfaces that no flow waits for.
  void ForgetUnneeded();
  // The container with this cgroup. Nothing, and `*may_come_later`, where a look at the cgroups is
  // due but not yet allowed.
  std::optional<ContainerIdentity> FindCgroup(uint64_t cgroup_id, int64_t now_ns,
                                              bool* may_come_later);
  // What a veth's identity and its pod's name come to; nothing while the name is still asked for.
  std::shared_ptr<const FlowContainer> WhenSettled(const ContainerIdentity& identity);
  void Publish();

  Parts parts_;
  // Of the thread alone.
  CgroupTree cgroups_;
  NamespaceOwners namespaces_;
  PodNames names_;
  std::vector<Waiting> waiting_;
  std::map<uint32_t, Veth> veths_;
  // Cgroups that are no container's.
  absl::flat_hash_set<uint64_t> other_cgroups_;
  int64_t cgroups_scanned_ns_ = 0;
  int64_t next_namespace_scan_ns_ = 0;
  int64_t namespace_scan_wait_ns_ = 0;
  int64_t last_question_ns_ = 0;
  bool told_socket_failure_ = false;
  ContainerStatistics counts_;

  mutable std::mutex mutex_;
  std::condition_variable_any news_;
  std::vector<Waiting> asked_;
  uint64_t dropped_ = 0;
  uint64_t found_at_once_ = 0;
  size_t waiting_count_ = 0;
  ContainerStatistics published_;
  // The pods behind veths whose flows need not wait.
  std::map<uint32_t, KnownVeth> known_veths_;
  std::jthread thread_;
};

}  // namespace audio_latency::probe

#endif  // PROBE_CONTAINERS_CONTAINER_WATCH_H_
