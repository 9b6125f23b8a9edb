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
// What others may have done to our attachments is looked at this often.
constexpr std::chrono::seconds kAttachmentCheckInterval(5);

}  // namespace

InterfaceWatcher::InterfaceWatcher(Parts parts) : parts_(std::move(parts)) {}

InterfaceWatcher::~InterfaceWatcher() { Stop(); }

absl::StatusOr<std::unique_ptr<InterfaceWatcher>> InterfaceWatcher::Start(Parts parts) {
  std::unique_ptr<InterfaceWatcher> watcher(new InterfaceWatcher(std::move(parts)));
  ASSIGN_OR_RETURN(const std::vector<Link> links, watcher->parts_.monitor->List());
  RETURN_IF_ERROR(watcher->parts_.rule.CheckNamed(links));
  RETURN_IF_ERROR(watcher->Reconcile(links));
  RETURN_IF_ERROR(watcher->RemoveLeftFilters(links));
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

absl::Status InterfaceWatcher::RemoveLeftFilters(const std::vector<Link>& links) {
  for (const Link& link : links) {
    if (attached_.contains(link.index)) {
      continue;  // attaching has seen to it
    }
    ASSIGN_OR_RETURN(const int removed, probe::RemoveLeftFilters(link.index, 0, 0));
    if (removed > 0) {
      parts_.logger->Info(
          "left_filters_removed",
          fmt::format("Removed {} filter(s) that a killed probe left at {}", removed, link.name),
          {{"interface", link.name}, {"interface_index", link.index}});
    }
  }
  return absl::OkStatus();
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
    look_again = ForgetLostAttachments() || look_again;
    if (!look_again) {
      continue;
    }
    const absl::StatusOr<std::vector<Link>> links = parts_.monitor->List();
    look_again = !links.ok();
    const absl::Status status = links.ok() ? Reconcile(*links) : links.status();
    if (!status.ok()) {
      parts_.logger->Error("tc_attach_error", Message(status));
    }
  }
}

bool InterfaceWatcher::ForgetLostAttachments() {
  const auto now = std::chrono::steady_clock::now();
  if (now < next_attachment_check_) {
    return false;
  }
  next_attachment_check_ = now + kAttachmentCheckInterval;
  std::vector<uint32_t> lost;
  for (const auto& [index, attached] : attached_) {
    if (!attached.attachment->IsInPlace()) {
      lost.push_back(index);
    }
  }
  for (const uint32_t index : lost) {
    parts_.logger->Warn(
        "tc_attachment_lost",
        fmt::format("Another program has taken the probe away from {}; attaching again",
                    attached_.at(index).name),
        {{"interface", attached_.at(index).name}, {"interface_index", index}});
    Forget(index);
  }
  return !lost.empty();
}

absl::Status InterfaceWatcher::Reconcile(const std::vector<Link>& links) {
  absl::Status first_failure;
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
      first_failure.Update(AttachTo(link));
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
  for (auto next = refused_.begin(); next != refused_.end();) {
    const uint32_t index = (next++)->first;
    if (!wanted.contains(index)) {
      Allow(index);
    }
  }
  return first_failure;
}

absl::Status InterfaceWatcher::AttachTo(const Link& link) {
  const auto refused = refused_.find(link.index);
  if (refused != refused_.end() && refused->second == link) {
    return absl::OkStatus();
  }
  const std::optional<capture_link_layer> link_layer = LinkLayerOf(link);
  if (!link_layer.has_value()) {
    Refuse(link, "unknown_link_layer");
    parts_.logger->Warn(
        "interface_refused",
        fmt::format("Not watching {}: its packets (hardware type {}) begin with neither Ethernet "
                    "nor IP",
                    link.name, link.hardware_type),
        {{"interface", link.name},
         {"interface_index", link.index},
         {"hardware_type", link.hardware_type}});
    return absl::OkStatus();
  }
  // Known before its first event can be read.
  const InterfaceRole role = RoleOf(link);
  parts_.directory->Put(link.index, link.name, role);
  absl::StatusOr<std::unique_ptr<Attachment>> attachment =
      parts_.attacher->Attach(link.index, link.name, *link_layer);
  if (!attachment.ok()) {
    parts_.directory->Remove(link.index);
    if (absl::IsNotFound(attachment.status())) {
      return absl::OkStatus();
    }
    Refuse(link, "attach_failed");
    return attachment.status();
  }
  Allow(link.index);
  attached_.emplace(link.index, Attached{link.name, role, *link_layer, *std::move(attachment)});
  parts_.logger->Info("tc_attached", fmt::format("Watching {}", link.name),
                      {{"interface", link.name},
                       {"interface_index", link.index},
                       {"role", InterfaceRoleName(role)},
                       {"link_layer", *link_layer == CAPTURE_LINK_IP ? "ip" : "ethernet"},
                       {"method", parts_.attacher->method()}});
  return absl::OkStatus();
}

void InterfaceWatcher::Refuse(const Link& link, const std::string& reason) {
  refused_.insert_or_assign(link.index, link);
  parts_.directory->Refuse(link.index, {link.name, reason});
}

void InterfaceWatcher::Allow(uint32_t index) {
  refused_.erase(index);
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
