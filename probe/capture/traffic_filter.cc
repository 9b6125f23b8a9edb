#include "probe/capture/traffic_filter.h"

#include <arpa/inet.h>
#include <bpf/libbpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

#include <algorithm>
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
  filter.protocol = ntohs(static_cast<uint16_t>(header.tcm_info));
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

absl::StatusOr<std::string> HookQdiscKind(uint32_t interface_index) {
  ASSIGN_OR_RETURN(NetlinkSocket socket, NetlinkSocket::Open(0));
  tcmsg request = {};
  request.tcm_ifindex = static_cast<int>(interface_index);
  request.tcm_parent = TC_H_CLSACT;
  std::string kind;
  const absl::Status status = socket.Get(RTM_GETQDISC, request, [&](const NetlinkMessage& message) {
    if (message.type == RTM_NEWQDISC) {
      ForEachAttribute(message.payload, sizeof(tcmsg), [&](uint16_t type, std::string_view value) {
        if (type == TCA_KIND) {
          kind = AttributeText(value);
        }
      });
    }
  });
  // The kernel has either error for an interface without such a qdisc: where there has never been
  // one, and where one has gone.
  if (!status.ok() && !absl::IsNotFound(status) && !absl::IsInvalidArgument(status)) {
    return absl::UnavailableError(fmt::format("cannot ask for the qdisc of interface {}: {}",
                                              interface_index, Message(status)));
  }
  return kind;
}

absl::StatusOr<std::vector<TrafficFilter>> ListTrafficFilters(uint32_t interface_index,
                                                              capture_direction direction) {
  if (direction == CAPTURE_DIRECTION_EGRESS) {
    ASSIGN_OR_RETURN(const std::string kind, HookQdiscKind(interface_index));
    if (kind != "clsact") {
      return std::vector<TrafficFilter>();  // "ingress" answers with what it has for ingress
    }
  }
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

uint32_t PriorityBeside(std::span<const TrafficFilter> filters) {
  for (const uint32_t priority : kTrafficFilterPriorities) {
    // The kernel puts a BPF filter in front of the others of its priority.
    if (std::all_of(filters.begin(), filters.end(), [priority](const TrafficFilter& filter) {
          return filter.priority != priority ||
                 (filter.kind == "bpf" && filter.protocol == ETH_P_ALL);
        })) {
      return priority;
    }
  }
  return 0;
}

absl::StatusOr<int> RemoveLeftFilters(uint32_t interface_index,
                                      const std::set<uint32_t>& kept_program_ids) {
  int removed = 0;
  for (const capture_direction direction : {CAPTURE_DIRECTION_INGRESS, CAPTURE_DIRECTION_EGRESS}) {
    ASSIGN_OR_RETURN(const std::vector<TrafficFilter> filters,
                     ListTrafficFilters(interface_index, direction));
    for (const TrafficFilter& filter : filters) {
      if (!filter.IsOurs() || kept_program_ids.contains(filter.program_id)) {
        continue;
      }
      bpf_tc_hook hook = {};
      hook.sz = sizeof(hook);
      hook.ifindex = static_cast<int>(interface_index);
      hook.attach_point = direction == CAPTURE_DIRECTION_EGRESS ? BPF_TC_EGRESS : BPF_TC_INGRESS;
      bpf_tc_opts options = {};
      options.sz = sizeof(options);
      options.handle = filter.handle;
      options.priority = filter.priority;
      const int error = -bpf_tc_detach(&hook, &options);
      // Gone meanwhile: the filter, its qdisc (EINVAL), or the interface.
      if (error == ENOENT || error == EINVAL || error == ENODEV) {
        continue;
      }
      if (error != 0) {
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
