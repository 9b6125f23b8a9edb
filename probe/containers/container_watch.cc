#include "probe/containers/container_watch.h"

#include <algorithm>
#include <iterator>
#include <random>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "common/status/status_macros.h"
#include "fmt/format.h"
#include "fmt/ranges.h"
#include "nlohmann/json.hpp"

namespace audio_latency::probe {
namespace {

constexpr int64_t kSecondNs = 1'000'000'000;
// Between two looks at what waits; seldom once nothing new has come for kQuietNs.
constexpr std::chrono::milliseconds kInterval(200);
constexpr std::chrono::milliseconds kQuietInterval(2'000);
constexpr int64_t kQuietNs = 10 * kSecondNs;
// The cgroups are not read more often, however many senders are unknown.
constexpr int64_t kCgroupScanSpacingNs = kSecondNs;
// A sender that is no container's (whoever set the pod's network up): the next may be.
constexpr int64_t kAskAgainNs = kSecondNs;
// How long the first packet of a sender is waited for before /proc is looked through.
constexpr int64_t kSenderPatienceNs = 2 * kSecondNs;
constexpr int64_t kFirstNamespaceScanWaitNs = 5 * kSecondNs;
constexpr int64_t kLongestNamespaceScanWaitNs = 60 * kSecondNs;
// A socket that is not there (traffic that is forwarded, or that ended) is looked for again.
constexpr int64_t kSocketRetryNs = 2 * kSecondNs;
constexpr int kMostSocketTries = 3;
constexpr size_t kMostOtherCgroups = 65'536;

}  // namespace

ContainerWatch::ContainerWatch(Parts parts)
    : parts_(std::move(parts)),
      cgroups_(parts_.only, parts_.mountinfo),
      namespaces_(parts_.only, parts_.proc),
      names_(std::move(parts_.kubelet), *parts_.clock, parts_.logger, std::random_device()()),
      namespace_scan_wait_ns_(kFirstNamespaceScanWaitNs) {}

std::unique_ptr<ContainerWatch> ContainerWatch::Start(Parts parts) {
  auto watch = std::unique_ptr<ContainerWatch>(new ContainerWatch(std::move(parts)));
  watch->thread_ =
      std::jthread([self = watch.get()](const std::stop_token& stop) { self->Run(stop); });
  return watch;
}

ContainerWatch::~ContainerWatch() {
  thread_.request_stop();
  names_.Stop();
  thread_.join();
}

void ContainerWatch::Ask(const FlowQuestion& question, const std::shared_ptr<ContainerSlot>& slot) {
  {
    const std::lock_guard lock(mutex_);
    const auto known = known_veths_.find(question.interface_index);
    if (known != known_veths_.end() && known->second.revision == question.interface_revision) {
      slot->Set(known->second.container);
      ++found_at_once_;
      return;
    }
    if (asked_.size() + waiting_count_ >= kMostWaiting) {
      ++dropped_;
      return;
    }
    Waiting& waiting = asked_.emplace_back();
    waiting.question = question;
    waiting.slot = slot;
  }
  news_.notify_one();
}

ContainerStatistics ContainerWatch::statistics() const {
  const std::lock_guard lock(mutex_);
  ContainerStatistics statistics = published_;
  statistics.waiting = asked_.size() + waiting_count_;
  statistics.dropped = dropped_;
  statistics.questions += found_at_once_;
  statistics.found_by_sender += found_at_once_;
  return statistics;
}

void ContainerWatch::Run(const std::stop_token& stop) {
  cgroups_.Scan();
  cgroups_scanned_ns_ = parts_.clock->NowNs();
  TellStart();
  Publish();
  while (!stop.stop_requested()) {
    {
      std::unique_lock lock(mutex_);
      const auto has_news = [this] { return !asked_.empty(); };
      if (waiting_.empty()) {
        news_.wait(lock, stop, has_news);
      } else {
        const bool is_quiet = parts_.clock->NowNs() - last_question_ns_ > kQuietNs;
        news_.wait_for(lock, stop, is_quiet ? kQuietInterval : kInterval, has_news);
      }
      if (!asked_.empty()) {
        last_question_ns_ = parts_.clock->NowNs();
        counts_.questions += asked_.size();
        std::move(asked_.begin(), asked_.end(), std::back_inserter(waiting_));
        asked_.clear();
      }
      waiting_count_ = waiting_.size();
    }
    if (!stop.stop_requested()) {
      Look();
      Publish();
    }
  }
  for (const auto& [index, veth] : veths_) {
    parts_.senders->Forget(index);
  }
}

void ContainerWatch::TellStart() {
  const CgroupTree::Statistics& found = cgroups_.statistics();
  const nlohmann::json fields = {{"containers", found.containers},
                                 {"cgroup_mounts", found.mounts},
                                 {"asks_kubelet", names_.statistics().is_configured}};
  parts_.logger->Info("container_identity",
                      found.mounts.empty()
                          ? "No cgroup v2 is mounted here: containers are told by addresses only"
                          : fmt::format("{} container(s) in the cgroups at {}", found.containers,
                                        fmt::join(found.mounts, ", ")),
                      fields);
}

void ContainerWatch::Look() {
  const int64_t now_ns = parts_.clock->NowNs();
  ForgetGone();
  for (auto& [index, veth] : veths_) {
    veth.is_needed = false;
  }
  std::vector<Waiting> still_waiting;
  for (Waiting& waiting : waiting_) {
    if (LookAt(&waiting, now_ns) == Outcome::kWait) {
      still_waiting.push_back(std::move(waiting));
    }
  }
  waiting_ = std::move(still_waiting);
  if (names_.Poll()) {
    std::erase_if(waiting_, [this](Waiting& waiting) {
      return waiting.identity.has_value() && Tell(&waiting) == Outcome::kSettled;
    });
  }
  ForgetUnneeded();
}

ContainerWatch::Outcome ContainerWatch::LookAt(Waiting* waiting, int64_t now_ns) {
  if (waiting->slot.expired()) {
    return Outcome::kSettled;
  }
  if (waiting->identity.has_value()) {
    return Tell(waiting);
  }
  return waiting->question.role == InterfaceRole::kContainer ? FindBehindVeth(waiting, now_ns)
                                                             : FindBySocket(waiting, now_ns);
}

ContainerWatch::Outcome ContainerWatch::FindBehindVeth(Waiting* waiting, int64_t now_ns) {
  const uint32_t index = waiting->question.interface_index;
  const uint64_t revision = waiting->question.interface_revision;
  // The kernel uses the numbers of interfaces again: the flow's may be gone, and another pod's have
  // its number.
  if (revision == 0 || parts_.directory->Find(index)->revision != revision) {
    return Outcome::kSettled;
  }
  const auto [entry, is_new] = veths_.try_emplace(index);
  Veth& veth = entry->second;
  if (is_new) {
    veth.revision = revision;
  } else if (veth.revision != revision) {
    return Outcome::kWait;  // until what is known of the one before is forgotten
  }
  veth.is_needed = true;
  if (!veth.identity.has_value()) {
    AskSender(index, &veth, now_ns);
  }
  if (veth.identity.has_value()) {
    waiting->identity = veth.identity;
    ++counts_.found_by_sender;
    return Tell(waiting);
  }
  if (now_ns - veth.asked_since_ns >= kSenderPatienceNs) {
    FindByAddress(waiting, now_ns);
  }
  return waiting->identity.has_value() ? Tell(waiting) : Outcome::kWait;
}

void ContainerWatch::AskSender(uint32_t interface_index, Veth* veth, int64_t now_ns) {
  if (veth->asked_since_ns == 0) {
    veth->asked_since_ns = now_ns;
  }
  if (const uint64_t cgroup_id = parts_.senders->Answer(interface_index); cgroup_id != 0) {
    bool may_come_later = false;
    std::optional<ContainerIdentity> found = FindCgroup(cgroup_id, now_ns, &may_come_later);
    if (found.has_value()) {
      if (!found->pod_uid.empty()) {
        // All containers of a pod share the interface: which of them sent first says nothing.
        found->container_id.clear();
      }
      veth->identity = std::move(found);
      parts_.senders->Forget(interface_index);
      return;
    }
    if (may_come_later) {
      return;
    }
  }
  if (now_ns >= veth->next_ask_ns && parts_.senders->Ask(interface_index)) {
    veth->next_ask_ns = now_ns + kAskAgainNs;
  }
}

void ContainerWatch::FindByAddress(Waiting* waiting, int64_t now_ns) {
  const FlowQuestion& question = waiting->question;
  const IpAddress& address = question.IsAtSource() ? question.source : question.destination;
  waiting->identity = namespaces_.Find(address);
  if (!waiting->identity.has_value() && now_ns >= next_namespace_scan_ns_) {
    namespaces_.Scan();
    next_namespace_scan_ns_ = now_ns + namespace_scan_wait_ns_;
    namespace_scan_wait_ns_ = std::min(namespace_scan_wait_ns_ * 2, kLongestNamespaceScanWaitNs);
    waiting->identity = namespaces_.Find(address);
  }
  if (waiting->identity.has_value()) {
    namespace_scan_wait_ns_ = kFirstNamespaceScanWaitNs;
    ++counts_.found_by_address;
    if (!waiting->identity->pod_uid.empty()) {
      waiting->identity->container_id.clear();
    }
  }
}

ContainerWatch::Outcome ContainerWatch::FindBySocket(Waiting* waiting, int64_t now_ns) {
  if (parts_.sockets == nullptr) {
    return Outcome::kSettled;
  }
  if (now_ns < waiting->next_try_ns) {
    return Outcome::kWait;
  }
  const FlowQuestion& question = waiting->question;
  SocketQuery query{.transport = question.transport,
                    .local_address = question.source,
                    .local_port = question.source_port,
                    .remote_address = question.destination,
                    .remote_port = question.destination_port};
  if (!question.IsAtSource()) {
    std::swap(query.local_address, query.remote_address);
    std::swap(query.local_port, query.remote_port);
  }
  const absl::StatusOr<std::optional<uint64_t>> cgroup_id = parts_.sockets->CgroupOf(query);
  if (!cgroup_id.ok() && !told_socket_failure_) {
    told_socket_failure_ = true;
    parts_.logger->Warn("socket_owner_error",
                        fmt::format("Cannot ask the kernel for the owners of sockets: {}; which "
                                    "hostNetwork pod sends is told by its port only",
                                    Message(cgroup_id.status())));
  }
  bool may_come_later = false;
  if (cgroup_id.ok() && cgroup_id->has_value()) {
    waiting->identity = FindCgroup(**cgroup_id, now_ns, &may_come_later);
    if (waiting->identity.has_value()) {
      ++counts_.found_by_socket;
      return Tell(waiting);
    }
    if (!may_come_later) {
      return Outcome::kSettled;  // a program of the node itself
    }
  }
  waiting->next_try_ns = now_ns + (may_come_later ? kCgroupScanSpacingNs : kSocketRetryNs);
  return ++waiting->tries < kMostSocketTries ? Outcome::kWait : Outcome::kSettled;
}

ContainerWatch::Outcome ContainerWatch::Tell(Waiting* waiting) {
  const std::string& uid = waiting->identity->pod_uid;
  FlowContainer container{.identity = *waiting->identity, .name = names_.Find(uid)};
  const bool has_name = !container.name.empty();
  const std::shared_ptr<ContainerSlot> slot = waiting->slot.lock();
  if (slot != nullptr && (slot->version() == 0 || has_name)) {
    slot->Set(std::make_shared<const FlowContainer>(std::move(container)));
  }
  return slot == nullptr || has_name || uid.empty() || !names_.Want(uid) ? Outcome::kSettled
                                                                         : Outcome::kWait;
}

std::optional<ContainerIdentity> ContainerWatch::FindCgroup(uint64_t cgroup_id, int64_t now_ns,
                                                            bool* may_come_later) {
  std::optional<ContainerIdentity> found = cgroups_.Find(cgroup_id);
  // Numbers of cgroups are not used again, so that what is none stays none.
  if (found.has_value() || other_cgroups_.contains(cgroup_id)) {
    return found;
  }
  if (now_ns - cgroups_scanned_ns_ < kCgroupScanSpacingNs) {
    *may_come_later = true;
    return std::nullopt;
  }
  cgroups_scanned_ns_ = now_ns;
  cgroups_.Scan();
  found = cgroups_.Find(cgroup_id);
  if (!found.has_value()) {
    if (other_cgroups_.size() >= kMostOtherCgroups) {
      other_cgroups_.clear();
    }
    other_cgroups_.insert(cgroup_id);
  }
  return found;
}

void ContainerWatch::ForgetGone() {
  if (veths_.empty()) {
    return;
  }
  absl::flat_hash_map<uint32_t, uint64_t> revisions;
  for (const std::shared_ptr<const Interface>& link : parts_.directory->All()) {
    revisions.emplace(link->index, link->revision);
  }
  std::erase_if(veths_, [&](const auto& entry) {
    const auto known = revisions.find(entry.first);
    const bool is_gone = known == revisions.end() || known->second != entry.second.revision;
    if (is_gone) {
      parts_.senders->Forget(entry.first);
    }
    return is_gone;
  });
}

void ContainerWatch::ForgetUnneeded() {
  std::erase_if(veths_, [this](const auto& entry) {
    const bool is_unneeded = !entry.second.identity.has_value() && !entry.second.is_needed;
    if (is_unneeded) {
      parts_.senders->Forget(entry.first);
    }
    return is_unneeded;
  });
}

std::shared_ptr<const FlowContainer> ContainerWatch::WhenSettled(
    const ContainerIdentity& identity) {
  PodName name = names_.Find(identity.pod_uid);
  if (name.empty() && !identity.pod_uid.empty() && names_.Want(identity.pod_uid)) {
    return nullptr;
  }
  return std::make_shared<const FlowContainer>(FlowContainer{identity, std::move(name)});
}

void ContainerWatch::Publish() {
  counts_.containers = cgroups_.statistics().containers;
  counts_.cgroup_scans = cgroups_.statistics().scans;
  counts_.kubelet = names_.statistics();
  std::map<uint32_t, KnownVeth> known_veths;
  for (const auto& [index, veth] : veths_) {
    if (veth.identity.has_value()) {
      if (auto container = WhenSettled(*veth.identity); container != nullptr) {
        known_veths[index] = {veth.revision, std::move(container)};
      }
    }
  }
  const std::lock_guard lock(mutex_);
  waiting_count_ = waiting_.size();
  published_ = counts_;
  known_veths_ = std::move(known_veths);
}

}  // namespace audio_latency::probe
