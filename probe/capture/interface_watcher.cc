#include "probe/capture/interface_watcher.h"

#include <chrono>
#include <optional>
#include <stop_token>
#include <utility>

#include "common/status/status_macros.h"
#include "fmt/format.h"
#include "nlohmann/json.hpp"
#include "probe/capture/traffic_filter.h"

namespace audio_latency::probe {
namespace {

// How long Stop may have to wait for the thread, and what an idle probe wakes up for.
constexpr int kWaitMs = 250;
// Interfaces come as a volley of messages (made, moved, up); one look at the end of it is enough.
constexpr std::chrono::milliseconds kSettleTime(20);

}  // namespace

InterfaceWatcher::InterfaceWatcher(Parts parts) : parts_(std::move(parts)) {}

InterfaceWatcher::~InterfaceWatcher() { Stop(); }

absl::StatusOr<std::unique_ptr<InterfaceWatcher>> InterfaceWatcher::Start(Parts parts) {
  std::unique_ptr<InterfaceWatcher> watcher(new InterfaceWatcher(std::move(parts)));
  ASSIGN_OR_RETURN(const std::vector<Link> links, watcher->parts_.monitor->List());
  RETURN_IF_ERROR(watcher->parts_.rule.CheckNamed(links));
  watcher->Reconcile(links);
  RETURN_IF_ERROR(watcher->StartFailure(links));
  for (const Link& link : links) {
    if (!watcher->attached_.contains(link.index)) {  // else attaching has seen to it
      watcher->RemoveLeftFilters(link, {});
    }
  }
  if (watcher->attached_.empty()) {
    watcher->parts_.logger->Warn(
        "no_interface",
        fmt::format("no interface matches INTERFACE={} yet; waiting for one to come",
                    watcher->parts_.rule.ToString()));
  }
  watcher->thread_ =
      std::jthread([self = watcher.get()](const std::stop_token& stop) { self->Run(stop); });
  return watcher;
}

absl::Status InterfaceWatcher::StartFailure(const std::vector<Link>& links) const {
  for (const Link& link : links) {
    const auto failed = failed_.find(link.index);
    if (failed != failed_.end() && (attached_.empty() || parts_.rule.Names(link) ||
                                    absl::IsPermissionDenied(failed->second))) {
      return failed->second;
    }
  }
  return absl::OkStatus();
}

void InterfaceWatcher::RemoveLeftFilters(const Link& link,
                                         const std::set<uint32_t>& kept_program_ids) {
  const absl::StatusOr<int> removed = probe::RemoveLeftFilters(link.index, kept_program_ids);
  if (!removed.ok()) {
    parts_.logger->Warn("left_filters_error",
                        fmt::format("{}: {}", link.name, Message(removed.status())),
                        {{"interface", link.name}, {"interface_index", link.index}});
  } else if (*removed > 0) {
    parts_.logger->Info(
        "left_filters_removed",
        fmt::format("Removed {} filter(s) that a killed probe left at {}", *removed, link.name),
        {{"interface", link.name}, {"interface_index", link.index}});
  }
}

void InterfaceWatcher::Stop() {
  if (thread_.joinable()) {
    thread_.request_stop();
    thread_.join();
  }
  while (!attached_.empty()) {
    Forget(attached_.begin()->first);
  }
}

void InterfaceWatcher::Run(const std::stop_token& stop) {
  bool look_again = false;
  while (!stop.stop_requested()) {
    std::set<uint32_t> removed;
    absl::StatusOr<bool> changed = parts_.monitor->WaitForChange(kWaitMs, &removed);
    if (changed.ok() && *changed) {
      std::this_thread::sleep_for(kSettleTime);
      changed = parts_.monitor->WaitForChange(0, &removed);
      look_again = true;
    }
    for (const uint32_t index : removed) {
      Forget(index);
      Allow(index);
    }
    if (!changed.ok()) {
      parts_.logger->Error("interface_watch_error", Message(changed.status()));
      std::this_thread::sleep_for(std::chrono::milliseconds(kWaitMs));
      look_again = true;
    }
    look_again = CheckAttachments() || look_again;
    if (!look_again) {
      continue;
    }
    const absl::StatusOr<std::vector<Link>> links = parts_.monitor->List();
    look_again = !links.ok();
    if (links.ok()) {
      Reconcile(*links);
    } else {
      parts_.logger->Error("interface_watch_error", Message(links.status()));
    }
  }
}

bool InterfaceWatcher::CheckAttachments() {
  const auto now = std::chrono::steady_clock::now();
  if (now < next_attachment_check_) {
    return false;
  }
  next_attachment_check_ = now + parts_.check_interval;
  std::vector<uint32_t> lost;
  for (auto& [index, attached] : attached_) {
    if (IsLost(index, &attached)) {
      lost.push_back(index);
    }
  }
  for (const uint32_t index : lost) {
    Forget(index);
  }
  return !lost.empty() || !failed_.empty();
}

bool InterfaceWatcher::IsLost(uint32_t index, Attached* attached) {
  const AttachmentState state = attached->attachment->State();
  const bool was_taken_over =
      std::exchange(attached->is_taken_over, state == AttachmentState::kTakenOver);
  const nlohmann::json fields = {{"interface", attached->name}, {"interface_index", index}};
  if (attached->is_taken_over && !was_taken_over) {
    parts_.logger->Warn(
        "tc_attachment_taken_over",
        fmt::format("A probe that was started later watches {} in the place of this one, which "
                    "attaches again when the other has gone; run one probe a node",
                    attached->name),
        fields);
  }
  if (state != AttachmentState::kLost) {
    return false;
  }
  parts_.logger->Warn(
      "tc_attachment_lost",
      was_taken_over
          ? fmt::format("The other probe has left {}; attaching again", attached->name)
          : fmt::format("Another program has taken the probe away from {}; attaching again",
                        attached->name),
      fields);
  return true;
}

void InterfaceWatcher::Reconcile(const std::vector<Link>& links) {
  std::set<uint32_t> wanted;
  for (const Link& link : links) {
    if (!parts_.rule.Matches(link)) {
      continue;
    }
    wanted.insert(link.index);
    auto attached = attached_.find(link.index);
    if (attached != attached_.end() && attached->second.link_layer != LinkLayerOf(link)) {
      Forget(link.index);
      attached = attached_.end();
    }
    if (attached == attached_.end()) {
      AttachTo(link);
    } else if (attached->second.name != link.name || attached->second.role != RoleOf(link)) {
      attached->second.name = link.name;
      attached->second.role = RoleOf(link);
      parts_.directory->Put(link.index, link.name, attached->second.role);
    }
  }
  for (auto next = attached_.begin(); next != attached_.end();) {
    const uint32_t index = (next++)->first;
    if (!wanted.contains(index)) {
      Forget(index);
    }
  }
  std::set<uint32_t> not_watched;
  for (const auto& [index, link] : unreadable_) {
    not_watched.insert(index);
  }
  for (const auto& [index, failure] : failed_) {
    not_watched.insert(index);
  }
  for (const uint32_t index : not_watched) {
    if (!wanted.contains(index)) {
      Allow(index);
    }
  }
}

void InterfaceWatcher::AttachTo(const Link& link) {
  const std::optional<capture_link_layer> link_layer = LinkLayerOf(link);
  if (!link_layer.has_value()) {
    RefuseUnreadable(link);
    return;
  }
  // Known before its first event can be read.
  const InterfaceRole role = RoleOf(link);
  parts_.directory->Put(link.index, link.name, role);
  absl::StatusOr<std::unique_ptr<Attachment>> attachment =
      parts_.attacher->Attach(link.index, link.name, *link_layer);
  if (!attachment.ok()) {
    parts_.directory->Remove(link.index);
    if (!absl::IsNotFound(attachment.status())) {
      NoteFailure(link, attachment.status());
    }
    return;
  }
  Allow(link.index);
  // One that a probe with TC_ATTACH=clsact left would sign everything a second time.
  RemoveLeftFilters(link, (*attachment)->FilterProgramIds());
  attached_.emplace(link.index, Attached{link.name, role, *link_layer, *std::move(attachment)});
  parts_.logger->Info("tc_attached", fmt::format("Watching {}", link.name),
                      {{"interface", link.name},
                       {"interface_index", link.index},
                       {"role", InterfaceRoleName(role)},
                       {"link_layer", *link_layer == CAPTURE_LINK_IP ? "ip" : "ethernet"},
                       {"method", parts_.attacher->method()}});
}

void InterfaceWatcher::RefuseUnreadable(const Link& link) {
  const auto refused = unreadable_.find(link.index);
  if (refused != unreadable_.end() && refused->second == link) {
    return;
  }
  Allow(link.index);
  unreadable_.emplace(link.index, link);
  parts_.directory->Refuse(link.index, {link.name, "unknown_link_layer"});
  parts_.logger->Warn(
      "interface_refused",
      fmt::format("Not watching {}: its packets (hardware type {}) begin with neither Ethernet "
                  "nor IP",
                  link.name, link.hardware_type),
      {{"interface", link.name},
       {"interface_index", link.index},
       {"hardware_type", link.hardware_type}});
}

void InterfaceWatcher::NoteFailure(const Link& link, const absl::Status& failure) {
  const auto failed = failed_.find(link.index);
  const bool is_told = failed != failed_.end() && failed->second == failure;
  Allow(link.index);
  failed_.emplace(link.index, failure);
  parts_.directory->Refuse(link.index, {link.name, "attach_failed"});
  if (!is_told) {
    parts_.logger->Error("tc_attach_error", Message(failure),
                         {{"interface", link.name}, {"interface_index", link.index}});
  }
}

void InterfaceWatcher::Allow(uint32_t index) {
  unreadable_.erase(index);
  failed_.erase(index);
  parts_.directory->Allow(index);
}

void InterfaceWatcher::Forget(uint32_t index) {
  const auto found = attached_.find(index);
  if (found == attached_.end()) {
    return;
  }
  const std::string name = found->second.name;
  attached_.erase(found);
  parts_.directory->Remove(index);
  parts_.logger->Info(
      "tc_detached", fmt::format("No longer watching {}", name),
      {{"interface", name}, {"interface_index", index}, {"method", parts_.attacher->method()}});
}

}  // namespace audio_latency::probe
