#include "probe/containers/container_watch.h"

#include <catch2/catch.hpp>
#include <fstream>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "tests/support/eventually.h"
#include "tests/support/recording_logger.h"
#include "tests/unit/probe/containers/cgroup_folder.h"
#include "tests/unit/probe/containers/fake_kubelet.h"

namespace audio_latency::probe {
namespace {

using testing::Eventually;
using testing::RecordingLogger;

constexpr uint32_t kVeth = 7;
constexpr uint32_t kUplink = 2;
constexpr int64_t kSecondNs = 1'000'000'000;

// What the capture programs would answer.
class FakeSenders final : public InterfaceSenders {
 public:
  bool Ask(uint32_t interface_index) override {
    const std::lock_guard lock(mutex_);
    ++asked_[interface_index];
    watched_.insert(interface_index);
    answers_.erase(interface_index);
    return true;
  }
  uint64_t Answer(uint32_t interface_index) const override {
    const std::lock_guard lock(mutex_);
    const auto found = answers_.find(interface_index);
    return found == answers_.end() ? 0 : found->second;
  }
  void Forget(uint32_t interface_index) override {
    const std::lock_guard lock(mutex_);
    watched_.erase(interface_index);
    answers_.erase(interface_index);
  }

  // A packet comes; whether somebody asked.
  bool Send(uint32_t interface_index, uint64_t cgroup_id) {
    const std::lock_guard lock(mutex_);
    return watched_.contains(interface_index) &&
           answers_.emplace(interface_index, cgroup_id).second;
  }
  bool IsAsked(uint32_t interface_index) const {
    const std::lock_guard lock(mutex_);
    return watched_.contains(interface_index);
  }
  int TimesAsked(uint32_t interface_index) const {
    const std::lock_guard lock(mutex_);
    const auto found = asked_.find(interface_index);
    return found == asked_.end() ? 0 : found->second;
  }

 private:
  mutable std::mutex mutex_;
  std::set<uint32_t> watched_;
  std::map<uint32_t, int> asked_;
  std::map<uint32_t, uint64_t> answers_;
};

class FakeSockets final : public SocketOwners {
 public:
  struct State {
    std::mutex mutex;
    std::map<uint16_t, uint64_t> owners;  // by local port
    int asked = 0;
  };
  explicit FakeSockets(std::shared_ptr<State> state) : state_(std::move(state)) {}
  absl::StatusOr<std::optional<uint64_t>> CgroupOf(const SocketQuery& query) override {
    const std::lock_guard lock(state_->mutex);
    ++state_->asked;
    const auto found = state_->owners.find(query.local_port);
    return found == state_->owners.end() ? std::nullopt : std::optional(found->second);
  }

 private:
  const std::shared_ptr<State> state_;
};

FlowQuestion Question(uint32_t interface_index, bool is_ingress, uint16_t source_port = 4000) {
  return {.interface_index = interface_index,
          .role = interface_index == kUplink ? InterfaceRole::kUplink : InterfaceRole::kContainer,
          .is_ingress = is_ingress,
          .transport = 17,
          .source = IpAddress::Parse("10.244.0.5").value(),
          .source_port = source_port,
          .destination = IpAddress::Parse("10.244.0.6").value(),
          .destination_port = 5000};
}

struct Fixture {
  Fixture() {
    directory.Put(kVeth, "veth7", InterfaceRole::kContainer);
    directory.Put(kUplink, "eth0", InterfaceRole::kUplink);
  }

  void Start(bool has_kubelet = false) {
    ContainerWatch::Parts parts;
    parts.senders = &senders;
    if (sockets != nullptr) {
      parts.sockets = std::make_unique<FakeSockets>(sockets);
    }
    if (has_kubelet) {
      parts.kubelet = std::make_unique<FakeKubelet>(kubelet);
    }
    parts.directory = &directory;
    parts.clock = &clock;
    parts.logger = &logger;
    parts.mountinfo = cgroups.mountinfo();
    parts.proc = proc.root();
    watch = ContainerWatch::Start(std::move(parts));
  }

  std::shared_ptr<ContainerSlot> Ask(FlowQuestion question) const {
    question.interface_revision = directory.Find(question.interface_index)->revision;
    auto slot = std::make_shared<ContainerSlot>();
    watch->Ask(question, slot);
    return slot;
  }
  // While the clock goes on.
  template <typename Condition>
  bool InTime(const Condition& condition) {
    return Eventually([&] {
      clock.Advance(kSecondNs / 10);
      return condition();
    });
  }
  uint64_t MakeContainer(const std::string& uid, const std::string& id) const {
    return CgroupFolder::Number(cgroups.Make("kubepods/burstable/pod" + uid + "/" + id));
  }

  CgroupFolder cgroups;
  CgroupFolder proc;
  FakeSenders senders;
  std::shared_ptr<FakeSockets::State> sockets = std::make_shared<FakeSockets::State>();
  std::shared_ptr<KubeletAnswers> kubelet = std::make_shared<KubeletAnswers>();
  InterfaceDirectory directory;
  ManualClock clock{1'000 * kSecondNs};
  RecordingLogger logger;
  std::unique_ptr<ContainerWatch> watch;
};

TEST_CASE("a veth's pod is that of the first container that sends, for flows in both directions") {
  Fixture f;
  f.Start();
  const auto out = f.Ask(Question(kVeth, true));
  const auto in = f.Ask(Question(kVeth, false));
  REQUIRE(f.InTime([&] { return f.senders.IsAsked(kVeth); }));
  CHECK(out->version() == 0);

  // Whoever sets the pod's network up sends first.
  const uint64_t runtime = CgroupFolder::Number(f.cgroups.Make("system.slice/containerd.service"));
  f.senders.Send(kVeth, runtime);
  REQUIRE(f.InTime([&] { return f.senders.TimesAsked(kVeth) > 1; }));
  // A pod that came after the cgroups were read.
  const uint64_t number = f.MakeContainer(kTestUid, kTestId);
  REQUIRE(f.InTime([&] { return f.senders.Send(kVeth, number); }));
  REQUIRE(f.InTime([&] { return out->version() == 1 && in->version() == 1; }));
  CHECK(out->Get()->identity.pod_uid == kTestUid);
  // Any of the pod's containers may send the next packet.
  CHECK(out->Get()->identity.container_id.empty());
  CHECK(in->Get()->identity == out->Get()->identity);
  CHECK_FALSE(f.senders.IsAsked(kVeth));

  // Known from now on, at once.
  CHECK(f.InTime([&] { return f.watch->statistics().waiting == 0; }));
  const auto later = f.Ask(Question(kVeth, true, 4001));
  CHECK(later->version() == 1);
  CHECK_FALSE(f.senders.IsAsked(kVeth));
  CHECK(f.InTime([&] { return f.watch->statistics().found_by_sender == 3; }));
  CHECK(f.watch->statistics().questions == 3);
  CHECK(f.watch->statistics().waiting == 0);

  // Another interface with the same number is another interface.
  f.directory.Put(kVeth, "veth7", InterfaceRole::kContainer);
  const auto anew = f.Ask(Question(kVeth, true));
  CHECK(f.InTime([&] { return f.senders.IsAsked(kVeth); }));
  CHECK(anew->version() == 0);
}

TEST_CASE("a flow that waits at an interface that is gone never gets the next one's pod") {
  Fixture f;
  const uint64_t number = f.MakeContainer(kTestUid, kTestId);
  f.Start();
  const auto before = f.Ask(Question(kVeth, true));
  REQUIRE(f.InTime([&] { return f.senders.IsAsked(kVeth); }));
  // The number is used again, by the veth of another pod, which sends.
  f.directory.Put(kVeth, "veth7", InterfaceRole::kContainer);
  const auto after = f.Ask(Question(kVeth, true, 4001));
  REQUIRE(f.InTime([&] {
    f.senders.Send(kVeth, number);
    return after->version() == 1;
  }));
  CHECK(f.InTime([&] { return f.watch->statistics().waiting == 0; }));
  CHECK(before->version() == 0);

  // Nor does one whose interface the directory did not know yet or any more.
  FlowQuestion unknown = Question(kVeth, true, 4002);
  unknown.interface_revision = 0;
  const auto slot = std::make_shared<ContainerSlot>();
  f.watch->Ask(unknown, slot);
  CHECK(f.InTime(
      [&] { return f.watch->statistics().questions == 3 && f.watch->statistics().waiting == 0; }));
  CHECK(slot->version() == 0);
}

TEST_CASE("without the owners of sockets the node's own flows go without, and do not wait") {
  Fixture f;
  f.sockets = nullptr;
  f.Start();
  const auto slot = f.Ask(Question(kUplink, false));
  CHECK(f.InTime(
      [&] { return f.watch->statistics().questions == 1 && f.watch->statistics().waiting == 0; }));
  CHECK(slot->version() == 0);
}

TEST_CASE("a flow of the node's own is its socket's owner's, with the container") {
  Fixture f;
  const uint64_t number = f.MakeContainer(kTestUid, kTestId);
  const uint64_t service = CgroupFolder::Number(f.cgroups.Make("system.slice/sshd.service"));
  f.sockets->owners = {{4000, number}, {5000, number}, {22, service}};
  f.Start();
  const auto out = f.Ask(Question(kUplink, false));
  const auto in = f.Ask(Question(kUplink, true));
  REQUIRE(f.InTime([&] { return out->version() == 1 && in->version() == 1; }));
  CHECK(out->Get()->identity.container_id == kTestId);
  CHECK(in->Get()->identity.pod_uid == kTestUid);
  // A program of the node; and traffic that only passes, which is given up after some tries.
  const auto node = f.Ask(Question(kUplink, false, 22));
  const auto passing = f.Ask(Question(kUplink, false, 1));
  CHECK(f.InTime([&] { return f.watch->statistics().waiting == 0; }));
  CHECK(node->version() == 0);
  CHECK(passing->version() == 0);
  CHECK(f.watch->statistics().found_by_socket == 2);
  const std::lock_guard lock(f.sockets->mutex);
  CHECK(f.sockets->asked < 10);
}

TEST_CASE("where no sender is told, the address in a process' namespace tells the pod") {
  Fixture f;
  const std::string process = f.proc.Make("100/net");
  std::ofstream(process + "/dev") << "\n";
  std::ofstream(process + "/fib_trie") << "|-- 10.244.0.6\n/32 host LOCAL\n";
  std::ofstream(f.proc.root() + "/100/cgroup")
      << "4:memory:/kubepods/burstable/pod" << kTestUid << "/" << kTestId << "\n";
  std::ofstream(f.proc.Make("self/net") + "/dev") << "\n";
  f.Start();
  const auto to_pod = f.Ask(Question(kVeth, false));
  const auto from_other = f.Ask(Question(kVeth, true));
  REQUIRE(f.InTime([&] { return to_pod->version() == 1; }));
  CHECK(to_pod->Get()->identity.pod_uid == kTestUid);
  CHECK(from_other->version() == 0);
  CHECK(f.watch->statistics().found_by_address == 1);
}

TEST_CASE("a pod's name follows when the kubelet tells it") {
  Fixture f;
  const uint64_t number = f.MakeContainer(kTestUid, kTestId);
  f.sockets->owners = {{4000, number}};
  f.kubelet->status = absl::UnavailableError("out of reach");
  f.Start(true);
  const auto slot = f.Ask(Question(kUplink, false));
  REQUIRE(f.InTime([&] { return f.watch->statistics().kubelet.failures > 1; }));
  REQUIRE(slot->version() == 1);
  CHECK(slot->Get()->name.empty());
  {
    const std::lock_guard lock(f.kubelet->mutex);
    f.kubelet->status = absl::OkStatus();
    f.kubelet->pods = {{kTestUid, {"voice", "ingress-0"}}};
  }
  REQUIRE(f.InTime([&] { return slot->version() == 2; }));
  CHECK(slot->Get()->name == PodName{"voice", "ingress-0"});
  CHECK(slot->Get()->identity.pod_uid == kTestUid);
  CHECK(f.InTime([&] { return f.watch->statistics().waiting == 0; }));
}

TEST_CASE("flows that end are not waited for, and there is a bound to those that are") {
  Fixture f;
  f.Start();
  { const auto gone = f.Ask(Question(kVeth, true)); }
  CHECK(f.InTime(
      [&] { return f.watch->statistics().questions == 1 && f.watch->statistics().waiting == 0; }));
  CHECK(f.InTime([&] { return !f.senders.IsAsked(kVeth); }));

  const auto slot = std::make_shared<ContainerSlot>();
  FlowQuestion question = Question(kVeth, true);
  question.interface_revision = f.directory.Find(kVeth)->revision;
  for (size_t i = 0; i < ContainerWatch::kMostWaiting + 10; ++i) {
    f.watch->Ask(question, slot);
  }
  CHECK(f.watch->statistics().dropped == 10);
  CHECK(f.watch->statistics().waiting == ContainerWatch::kMostWaiting);
}

TEST_CASE("a machine without cgroups is told of once, at the start") {
  Fixture f;
  std::ofstream(f.cgroups.mountinfo(), std::ios::trunc) << "";
  f.Start();
  REQUIRE(Eventually([&] { return f.logger.Has("container_identity"); }));
  CHECK_THAT(f.logger.Last(), Catch::Matchers::Contains("by addresses only"));
  const auto slot = f.Ask(Question(kVeth, true));
  CHECK(f.InTime([&] { return f.watch->statistics().questions == 1; }));
  CHECK(slot->version() == 0);
  CHECK(f.logger.lines().size() == 1);
}

}  // namespace
}  // namespace audio_latency::probe
