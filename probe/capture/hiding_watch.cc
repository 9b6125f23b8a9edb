#include "probe/capture/hiding_watch.h"

#include <optional>
#include <stop_token>

#include "common/status/status_macros.h"
#include "fmt/format.h"
#include "fmt/ranges.h"
#include "nlohmann/json.hpp"
#include "probe/capture/hook_program.h"
#include "probe/capture/link_traffic.h"

namespace audio_latency::probe {
namespace {

constexpr char kUnknown[] = "unknown";

}  // namespace

const char* DirectionName(capture_direction direction) {
  return direction == CAPTURE_DIRECTION_EGRESS ? "egress" : "ingress";
}

std::unique_ptr<HidingWatch> HidingWatch::Start(const Parts& parts,
                                                std::chrono::milliseconds interval) {
  std::unique_ptr<HidingWatch> watch(new HidingWatch(parts));
  watch->thread_ = std::jthread(
      [self = watch.get(), interval](const std::stop_token& stop) { self->Run(stop, interval); });
  return watch;
}

HidingWatch::~HidingWatch() {
  thread_.request_stop();
  if (thread_.joinable()) {
    thread_.join();
  }
}

std::vector<HiddenPackets> HidingWatch::Hidden() const {
  const std::lock_guard lock(mutex_);
  return hidden_;
}

void HidingWatch::Run(const std::stop_token& stop, std::chrono::milliseconds interval) {
  while (!stop.stop_requested()) {
    Look();
    std::unique_lock lock(mutex_);
    stopped_.wait_for(lock, stop, interval, [] { return false; });
  }
}

void HidingWatch::Look() {
  const auto traffic = ReadLinkTraffic();
  if (!traffic.ok()) {
    if (!told_failure_) {
      parts_.logger->Warn("interface_watch_error", Message(traffic.status()));
    }
    told_failure_ = true;
    return;
  }
  told_failure_ = false;
  std::map<Key, Watched> still_there;
  std::vector<HiddenPackets> hidden;
  for (const std::shared_ptr<const Interface>& link : parts_.directory->All()) {
    const auto counted = traffic->find(link->index);
    if (counted == traffic->end()) {
      continue;
    }
    for (const capture_direction direction :
         {CAPTURE_DIRECTION_INGRESS, CAPTURE_DIRECTION_EGRESS}) {
      const DirectionTraffic& totals = counted->second.Of(direction);
      Judge(*link, direction,
            {totals.packets, totals.bytes, parts_.seen->BytesSeen(link->index, direction)});
      const auto judged = watched_.extract({link->index, direction});
      if (!judged.mapped().by.empty()) {
        hidden.push_back({link->name, direction, judged.mapped().by});
      }
      still_there.emplace(judged.key(), std::move(judged.mapped()));
    }
  }
  watched_ = std::move(still_there);
  const std::lock_guard lock(mutex_);
  hidden_ = std::move(hidden);
}

void HidingWatch::Judge(const Interface& link, capture_direction direction,
                        const TrafficSample& sample) {
  Watched& watched = watched_[{link.index, direction}];
  if (watched.revision != link.revision) {
    watched = Watched{};
    watched.revision = link.revision;
  }
  const bool is_hidden = watched.traffic.Look(sample);
  const std::string by =
      is_hidden ? NameCulprits(link.index, direction, watched.traffic.seen_share()) : "";
  if (by == watched.by) {
    return;
  }
  watched.by = by;
  const nlohmann::json fields = {{"interface", link.name},
                                 {"interface_index", link.index},
                                 {"direction", DirectionName(direction)},
                                 {"hidden_by", by},
                                 {"seen_share", watched.traffic.seen_share()}};
  if (by.empty()) {
    parts_.logger->Info(
        "packets_visible",
        fmt::format("Packets of {} ({}) are seen again", link.name, DirectionName(direction)),
        fields);
    return;
  }
  parts_.logger->Warn(
      "packets_hidden",
      by == kUnknown
          ? fmt::format("No packet of {} ({}) comes to the probe, and no program is in front of "
                        "it; look at flows that hardware or XDP forwards on its own",
                        link.name, DirectionName(direction))
          : fmt::format("Packets of {} ({}) are hidden from the probe by {} in front of it; "
                        "TC_ATTACH=tcx with TCX_ORDER=head puts the probe ahead of all but XDP "
                        "and tcx programs that get in front after it has started",
                        link.name, DirectionName(direction), by),
      fields);
}

std::string HidingWatch::NameCulprits(uint32_t interface_index, capture_direction direction,
                                      double seen_share) const {
  const auto programs = ListHookPrograms(interface_index, direction);
  std::vector<std::string> names;
  if (programs.ok()) {
    for (const HookProgram& program : AheadOf(parts_.seen->ProgramIds(), *programs)) {
      names.push_back(program.Describe());
    }
  }
  if (!names.empty()) {
    return fmt::format("{}", fmt::join(names, ", "));
  }
  // With nobody in front, only when nothing at all comes; a part can be the driver's counting.
  return seen_share == 0 ? kUnknown : "";
}

}  // namespace audio_latency::probe
