#include "probe/capture/hook_program.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <unistd.h>

#include <algorithm>

#include "common/status/status_macros.h"
#include "fmt/format.h"
#include "probe/capture/tcx.h"
#include "probe/capture/traffic_filter.h"

namespace audio_latency::probe {
namespace {

// Empty when we may not know.
std::string ProgramName(uint32_t id) {
  const int fd = bpf_prog_get_fd_by_id(id);
  if (fd < 0) {
    return "";
  }
  bpf_prog_info info = {};
  uint32_t bytes = sizeof(info);
  const bool is_known = bpf_obj_get_info_by_fd(fd, &info, &bytes) == 0;
  ::close(fd);
  return is_known ? std::string(info.name) : "";
}

void AddXdp(uint32_t interface_index, std::vector<HookProgram>* programs) {
  bpf_xdp_query_opts options = {};
  options.sz = sizeof(options);
  if (bpf_xdp_query(static_cast<int>(interface_index), 0, &options) != 0) {
    return;
  }
  for (const uint32_t id : {options.hw_prog_id, options.drv_prog_id, options.skb_prog_id}) {
    if (id != 0) {
      programs->push_back({HookProgram::Kind::kXdp, id, ProgramName(id)});
    }
  }
}

}  // namespace

std::string HookProgram::Describe() const {
  switch (kind) {
    case Kind::kXdp:
    case Kind::kTcx: {
      const char* const hook = kind == Kind::kXdp ? "XDP" : "tcx";
      return name.empty() ? fmt::format("{} program {}", hook, program_id)
                          : fmt::format("{} program {} ({})", hook, program_id, name);
    }
    case Kind::kClsact:
      break;
  }
  return program_id == 0 ? fmt::format("clsact filter of priority {} ({})", priority, name)
                         : fmt::format("clsact filter of priority {} ({}, program {})", priority,
                                       name, program_id);
}

absl::StatusOr<std::vector<HookProgram>> ListHookPrograms(uint32_t interface_index,
                                                          capture_direction direction) {
  std::vector<HookProgram> programs;
  if (direction == CAPTURE_DIRECTION_INGRESS) {
    AddXdp(interface_index, &programs);
  }
  ASSIGN_OR_RETURN(const std::vector<uint32_t> tcx, ListTcxPrograms(interface_index, direction));
  for (const uint32_t id : tcx) {
    programs.push_back({HookProgram::Kind::kTcx, id, ProgramName(id)});
  }
  ASSIGN_OR_RETURN(const std::vector<TrafficFilter> filters,
                   ListTrafficFilters(interface_index, direction));
  for (const TrafficFilter& filter : filters) {
    programs.push_back({HookProgram::Kind::kClsact, filter.program_id,
                        filter.name.empty() ? filter.kind : filter.name, filter.priority});
  }
  return programs;
}

std::vector<HookProgram> AheadOf(const std::set<uint32_t>& own_program_ids,
                                 const std::vector<HookProgram>& programs) {
  const auto own = std::find_if(programs.begin(), programs.end(), [&](const HookProgram& program) {
    return own_program_ids.contains(program.program_id);
  });
  return {programs.begin(), own};
}

}  // namespace audio_latency::probe
