// Who is in the other network namespaces of this machine, by what /proc tells without any right.

#ifndef PROBE_CONTAINERS_NAMESPACE_OWNERS_H_
#define PROBE_CONTAINERS_NAMESPACE_OWNERS_H_

#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "common/address/ip_address.h"
#include "probe/containers/container_identity.h"

namespace audio_latency::probe {

// The pods by the addresses inside their network namespaces: of each process that is in a
// container, /proc/PID/cgroup tells the pod, and /proc/PID/net/ the addresses. Sees other
// containers' processes only with the machine's own process numbers (hostPID); needs neither
// capabilities nor cgroup v2. Not thread-safe.
class NamespaceOwners {
 public:
  // Processes that one scan looks at.
  static constexpr size_t kMostProcesses = 65'536;
  // What it reads of one file.
  static constexpr size_t kMostFileBytes = 256 * 1024;

  explicit NamespaceOwners(ContainerRuntime only, std::string proc = "/proc");

  // Looks at all processes anew.
  void Scan();
  // Nothing also where two pods have the address.
  std::optional<ContainerIdentity> Find(const IpAddress& address) const;

  struct Statistics {
    size_t processes = 0;
    // Network namespaces of containers, other than our own.
    size_t namespaces = 0;
  };
  // Of the last scan.
  const Statistics& statistics() const { return statistics_; }

 private:
  void TakeProcess(const std::string& folder);
  void TakeAddress(const IpAddress& address, const ContainerIdentity& owner);

  const ContainerRuntime only_;
  const std::string proc_;
  std::set<uint64_t> namespaces_;
  // Nothing where there are two owners.
  absl::flat_hash_map<IpAddress, std::optional<ContainerIdentity>> owners_;
  Statistics statistics_;
};

// The addresses of the namespace itself in the text of /proc/net/fib_trie, and in that of
// /proc/net/if_inet6; without loopback and link-local ones.
std::set<IpAddress> LocalAddressesV4(std::string_view fib_trie);
std::set<IpAddress> LocalAddressesV6(std::string_view if_inet6);

}  // namespace audio_latency::probe

#endif  // PROBE_CONTAINERS_NAMESPACE_OWNERS_H_
