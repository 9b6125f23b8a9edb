#include "probe/check/capture_check.h"

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "common/status/status_macros.h"
#include "fmt/format.h"
#include "fmt/ranges.h"
#include "probe/capture/capture_program.h"
#include "probe/capture/hiding_watch.h"
#include "probe/capture/hook_program.h"
#include "probe/capture/interface_rule.h"
#include "probe/capture/link_monitor.h"
#include "probe/capture/load_failure.h"
#include "probe/capture/traffic_filter.h"
#include "probe/privilege/capabilities.h"
#include "probe/privilege/kept_capabilities.h"

namespace audio_latency::probe {
namespace {

constexpr char kProgramsCheck[] = "capture programs";
constexpr char kRingCheck[] = "ring buffer";
constexpr char kAttachCheck[] = "attaching";
constexpr char kStartedCheck[] = "once started";
constexpr char kInterfacesCheck[] = "interfaces";
constexpr char kFrontCheck[] = "in front of us";
constexpr char kQdiscCheck[] = "qdisc";
constexpr char kOpenFilesCheck[] = "open files";

// What the probe opens beside its attachments, with room to spare.
constexpr uint64_t kOtherOpenFiles = 128;
constexpr uint64_t kOpenFilesPerInterface = 2;

CheckItem CheckAttaching(TcAttach choice, bool has_tcx) {
  if (has_tcx && choice != TcAttach::kClsact) {
    return {kAttachCheck, CheckState::kOk, "tcx", ""};
  }
  if (choice == TcAttach::kTcx) {
    return {kAttachCheck, CheckState::kMissing, "TC_ATTACH is tcx, which this kernel does not have",
            "set TC_ATTACH to auto or clsact; tcx came with Linux 6.6"};
  }
  return {
      kAttachCheck, CheckState::kOk,
      has_tcx ? "clsact, as TC_ATTACH says; tcx is there too" : "clsact; tcx came with Linux 6.6",
      ""};
}

// Loads, and tells by the way whether tcx is there; nothing when that was not tried.
std::optional<bool> CheckLoading(const ProbeConfig& config, bool may_load,
                                 std::vector<CheckItem>* items) {
  if (!may_load) {
    for (const char* const what : {kProgramsCheck, kRingCheck, kAttachCheck, kStartedCheck}) {
      items->push_back(
          {what, CheckState::kUnknown, "not tried without the capabilities above", ""});
    }
    return std::nullopt;
  }
  const auto begin = std::chrono::steady_clock::now();
  const auto program = CaptureProgram::Load(config);
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - begin);
  if (!program.ok()) {
    items->push_back(MissingItem(kProgramsCheck, program.status()));
    return std::nullopt;
  }
  items->push_back(
      {kProgramsCheck, CheckState::kOk, fmt::format("loaded in {} ms", took.count()), ""});
  items->push_back(
      {kRingCheck, CheckState::kOk, fmt::format("of {} KiB made", config.ring_bytes / 1024), ""});
  const bool has_tcx = TcxIsSupported(program->get());
  items->push_back(CheckAttaching(config.tc_attach, has_tcx));
  const uint64_t kept = KeptCapabilities(program->get(), config.metrics_port);
  items->push_back(
      {kStartedCheck, CheckState::kOk, fmt::format("keeps {}", CapabilityNames(kept)), ""});
  return has_tcx;
}

// Those that packets meet before the place where ours would be; with clsact that is `priority`
// (0: none).
std::vector<HookProgram> WouldBeAhead(const ProbeConfig& config, bool by_tcx, uint32_t priority,
                                      const std::vector<HookProgram>& programs) {
  std::vector<HookProgram> ahead;
  for (const HookProgram& program : programs) {
    const bool is_ahead = program.kind == HookProgram::Kind::kXdp ||
                          (program.kind == HookProgram::Kind::kTcx &&
                           (!by_tcx || config.tcx_order == TcxOrder::kTail)) ||
                          (program.kind == HookProgram::Kind::kClsact && !by_tcx &&
                           (priority == 0 || program.priority < priority));
    // A probe that runs already is no other program.
    if (is_ahead && !program.name.starts_with("capture_")) {
      ahead.push_back(program);
    }
  }
  return ahead;
}

CheckItem CheckFront(const ProbeConfig& config, bool by_tcx, const std::vector<Link>& watched) {
  std::vector<std::string> found;
  for (const Link& link : watched) {
    for (const capture_direction direction :
         {CAPTURE_DIRECTION_INGRESS, CAPTURE_DIRECTION_EGRESS}) {
      const auto programs = ListHookPrograms(link.index, direction);
      if (!programs.ok()) {
        return {kFrontCheck, CheckState::kUnknown, Message(programs.status()), ""};
      }
      const auto filters = ListTrafficFilters(link.index, direction);
      const uint32_t priority = filters.ok() ? PriorityBeside(*filters) : 0;
      for (const HookProgram& program : WouldBeAhead(config, by_tcx, priority, *programs)) {
        found.push_back(
            fmt::format("{} {}: {}", link.name, DirectionName(direction), program.Describe()));
      }
    }
  }
  if (found.empty()) {
    return {kFrontCheck, CheckState::kOk, "nobody now who could hide packets from the probe", ""};
  }
  return {kFrontCheck, CheckState::kNote, fmt::format("{}", fmt::join(found, "; ")),
          "they may keep packets from the probe, which then says so (packets_hidden); "
          "TC_ATTACH=tcx with TCX_ORDER=head is ahead of all but XDP and tcx programs that get in "
          "front later"};
}

// Interfaces that TC_ATTACH=clsact refuses; nothing when there is none.
std::optional<CheckItem> CheckQdiscs(const std::vector<Link>& watched) {
  std::vector<std::string> refused;
  for (const Link& link : watched) {
    const auto kind = HookQdiscKind(link.index);
    if (kind.ok() && !kind->empty() && *kind != "clsact") {
      refused.push_back(fmt::format("{} ({})", link.name, *kind));
    }
  }
  if (refused.empty()) {
    return std::nullopt;
  }
  return CheckItem{kQdiscCheck, CheckState::kMissing,
                   fmt::format("not clsact, and without egress: {}", fmt::join(refused, ", ")),
                   "set TC_ATTACH=tcx (Linux 6.6 and later), or have their owner use clsact"};
}

void CheckInterfaces(const ProbeConfig& config, std::optional<bool> has_tcx, bool may_look,
                     uint64_t open_files, std::vector<CheckItem>* items) {
  const auto monitor = LinkMonitor::Open();
  const auto links =
      monitor.ok() ? (*monitor)->List() : absl::StatusOr<std::vector<Link>>(monitor.status());
  if (!links.ok()) {
    items->push_back(MissingItem(kInterfacesCheck, links.status()));
    return;
  }
  const InterfaceRule rule(config.interfaces);
  if (const absl::Status named = rule.CheckNamed(*links); !named.ok()) {
    items->push_back(MissingItem(kInterfacesCheck, named));
    return;
  }
  std::vector<Link> watched;
  std::vector<std::string> names;
  for (const Link& link : *links) {
    if (rule.Matches(link) && LinkLayerOf(link).has_value()) {
      watched.push_back(link);
      names.push_back(fmt::format("{} ({})", link.name, InterfaceRoleName(RoleOf(link))));
    }
  }
  if (watched.empty()) {
    items->push_back(
        {kInterfacesCheck, CheckState::kMissing,
         fmt::format("none of {} matches INTERFACE={}", links->size(), rule.ToString()),
         "name interfaces in INTERFACE, or wait for one: the probe follows them"});
    return;
  }
  items->push_back({kInterfacesCheck, CheckState::kOk,
                    fmt::format("{} by INTERFACE={}: {}", watched.size(), rule.ToString(),
                                fmt::join(names, ", ")),
                    ""});
  const bool by_tcx = has_tcx.value_or(true) && config.tc_attach != TcAttach::kClsact;
  items->push_back(may_look ? CheckFront(config, by_tcx, watched)
                            : CheckItem{kFrontCheck, CheckState::kUnknown,
                                        "not to be seen without CAP_NET_ADMIN", ""});
  if (const auto qdiscs = by_tcx ? std::nullopt : CheckQdiscs(watched); qdiscs.has_value()) {
    items->push_back(*qdiscs);
  }
  const uint64_t needed = kOtherOpenFiles + kOpenFilesPerInterface * watched.size();
  items->push_back(open_files >= needed
                       ? CheckItem{kOpenFilesCheck, CheckState::kOk,
                                   fmt::format("limit {}, about {} needed", open_files, needed), ""}
                       : CheckItem{kOpenFilesCheck, CheckState::kMissing,
                                   fmt::format("limit {}, about {} needed", open_files, needed),
                                   "raise the limit of open files (ulimit -n, LimitNOFILE)"});
}

}  // namespace

std::vector<CheckItem> CheckCapture(const ProbeConfig& config, uint64_t effective_capabilities,
                                    uint64_t open_files) {
  std::vector<CheckItem> items;
  const bool may_load = MissingCapabilities(effective_capabilities).empty();
  const bool may_look = (effective_capabilities & CapabilitySet({kCapNetAdmin})) != 0;
  const std::optional<bool> has_tcx = CheckLoading(config, may_load, &items);
  CheckInterfaces(config, has_tcx, may_look, open_files, &items);
  return items;
}

}  // namespace audio_latency::probe
