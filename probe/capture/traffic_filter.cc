#include "probe/capture/traffic_filter.h"

#include <bpf/libbpf.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

#include <cerrno>
#include <cstring>
#include <string_view>

#include "common/status/status_macros.h"
#include "fmt/format.h"
#include "probe/capture/netlink.h"

namespace audio_latency::probe {
namespace {

constexpr std::string_view kProgramNamePrefix = "capture_";

TrafficFilter ParseFilter(std::string_view payload) {
  const auto header = NetlinkHeader<tcmsg>(payload);
  TrafficFilter filter;
  filter.priority = header.tcm_info >> 16;
  filter.handle = header.tcm_handle;
  ForEachAttribute(payload, sizeof(header), [&](uint16_t type, std::string_view value) {
    if (type == TCA_KIND) {
      filter.kind = AttributeText(value);
    } else if (type == TCA_OPTIONS) {
      ForEachAttribute(value, 0, [&](uint16_t option, std::string_view option_value) {
        // Other kinds use these numbers for something else; the kind comes first.
        if (filter.kind == "bpf" && option == TCA_BPF_NAME) {
          filter.name = AttributeText(option_value);
        } else if (filter.kind == "bpf" && option == TCA_BPF_ID) {
          filter.program_id = AttributeU32(option_value);
        }
      });
    }
  });
  return filter;
}

}  // namespace

bool TrafficFilter::IsOurs() const {
  return handle == kTrafficFilterHandle && kind == "bpf" && name.starts_with(kProgramNamePrefix);
}

absl::StatusOr<std::vector<TrafficFilter>> ListTrafficFilters(uint32_t interface_index,
                                                              capture_direction direction) {
  ASSIGN_OR_RETURN(NetlinkSocket socket, NetlinkSocket::Open(0));
  const uint32_t minor = direction == CAPTURE_DIRECTION_EGRESS ? TC_H_MIN_EGRESS : TC_H_MIN_INGRESS;
  tcmsg request = {};
  request.tcm_ifindex = static_cast<int>(interface_index);
  request.tcm_parent = TC_H_MAKE(TC_H_CLSACT, minor);
  std::vector<TrafficFilter> filters;
  RETURN_IF_ERROR(socket.Dump(RTM_GETTFILTER, request, [&](const NetlinkMessage& message) {
    if (message.type == RTM_NEWTFILTER) {
      TrafficFilter filter = ParseFilter(message.payload);
      // The kernel also names each priority as such, without a filter.
      if (filter.handle != 0) {
        filters.push_back(std::move(filter));
      }
    }
  }));
  return filters;
}

absl::StatusOr<int> RemoveLeftFilters(uint32_t interface_index, uint32_t kept_ingress_priority,
                                      uint32_t kept_egress_priority) {
  int removed = 0;
  for (const capture_direction direction : {CAPTURE_DIRECTION_INGRESS, CAPTURE_DIRECTION_EGRESS}) {
    const bool is_egress = direction == CAPTURE_DIRECTION_EGRESS;
    ASSIGN_OR_RETURN(const std::vector<TrafficFilter> filters,
                     ListTrafficFilters(interface_index, direction));
    for (const TrafficFilter& filter : filters) {
      if (!filter.IsOurs() ||
          filter.priority == (is_egress ? kept_egress_priority : kept_ingress_priority)) {
        continue;
      }
      bpf_tc_hook hook = {};
      hook.sz = sizeof(hook);
      hook.ifindex = static_cast<int>(interface_index);
      hook.attach_point = is_egress ? BPF_TC_EGRESS : BPF_TC_INGRESS;
      bpf_tc_opts options = {};
      options.sz = sizeof(options);
      options.handle = filter.handle;
      options.priority = filter.priority;
      const int error = -bpf_tc_detach(&hook, &options);
      if (error != 0 && error != ENOENT && error != ENODEV) {
        return absl::UnavailableError(
            fmt::format("cannot remove the filter {} (priority {}) that a killed probe left: {}; "
                        "remove it with tc filter del",
                        filter.name, filter.priority, std::strerror(error)));
      }
      ++removed;
    }
  }
  return removed;
}

}  // namespace audio_latency::probe
