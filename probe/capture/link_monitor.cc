#include "probe/capture/link_monitor.h"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include <string_view>
#include <utility>

#include "common/status/status_macros.h"
#include "probe/capture/netlink.h"

namespace audio_latency::probe {
namespace {

Link ParseLink(std::string_view payload) {
  const auto header = NetlinkHeader<ifinfomsg>(payload);
  Link link;
  link.index = static_cast<uint32_t>(header.ifi_index);
  link.hardware_type = header.ifi_type;
  link.is_loopback = (header.ifi_flags & IFF_LOOPBACK) != 0;
  ForEachAttribute(payload, sizeof(header), [&](uint16_t type, std::string_view value) {
    if (type == IFLA_IFNAME) {
      link.name = AttributeText(value);
    } else if (type == IFLA_LINK_NETNSID) {
      link.peer_in_other_namespace = true;
    } else if (type == IFLA_LINKINFO) {
      ForEachAttribute(value, 0, [&](uint16_t inner_type, std::string_view inner_value) {
        if (inner_type == IFLA_INFO_KIND) {
          link.kind = AttributeText(inner_value);
        }
      });
    }
  });
  return link;
}

// Adds the interfaces of a route to everywhere.
void AddDefaultRoute(std::string_view payload, std::set<uint32_t>* indexes) {
  const auto header = NetlinkHeader<rtmsg>(payload);
  if (header.rtm_dst_len != 0 || header.rtm_type != RTN_UNICAST) {
    return;
  }
  uint32_t table = header.rtm_table;
  std::set<uint32_t> found;
  ForEachAttribute(payload, sizeof(header), [&](uint16_t type, std::string_view value) {
    if (type == RTA_TABLE) {
      table = AttributeU32(value);
    } else if (type == RTA_OIF) {
      found.insert(AttributeU32(value));
    } else if (type == RTA_MULTIPATH) {
      while (value.size() >= sizeof(rtnexthop)) {
        const auto hop = NetlinkHeader<rtnexthop>(value);
        if (hop.rtnh_len < sizeof(hop)) {
          return;
        }
        found.insert(static_cast<uint32_t>(hop.rtnh_ifindex));
        value.remove_prefix(std::min<size_t>(value.size(), (hop.rtnh_len + 3u) & ~3u));
      }
    }
  });
  if (table == RT_TABLE_MAIN) {
    indexes->merge(found);
  }
}

class NetlinkLinkMonitor final : public LinkMonitor {
 public:
  NetlinkLinkMonitor(NetlinkSocket requests, NetlinkSocket changes)
      : requests_(std::move(requests)), changes_(std::move(changes)) {}

  absl::StatusOr<std::vector<Link>> List() override {
    std::vector<Link> links;
    RETURN_IF_ERROR(requests_.Dump(RTM_GETLINK, ifinfomsg{}, [&](const NetlinkMessage& message) {
      if (message.type == RTM_NEWLINK) {
        links.push_back(ParseLink(message.payload));
      }
    }));
    std::set<uint32_t> with_default_route;
    for (const int family : {AF_INET, AF_INET6}) {
      rtmsg request = {};
      request.rtm_family = static_cast<unsigned char>(family);
      RETURN_IF_ERROR(requests_.Dump(RTM_GETROUTE, request, [&](const NetlinkMessage& message) {
        if (message.type == RTM_NEWROUTE) {
          AddDefaultRoute(message.payload, &with_default_route);
        }
      }));
    }
    for (Link& link : links) {
      link.has_default_route = with_default_route.contains(link.index);
    }
    return links;
  }

  absl::StatusOr<bool> WaitForChange(int timeout_ms, std::set<uint32_t>* removed) override {
    return changes_.Receive(timeout_ms, [&](const NetlinkMessage& message) {
      const auto header = NetlinkHeader<ifinfomsg>(message.payload);
      // With AF_BRIDGE it is a port that left its bridge and goes on as an interface.
      if (message.type == RTM_DELLINK && header.ifi_family == AF_UNSPEC) {
        removed->insert(static_cast<uint32_t>(header.ifi_index));
      }
    });
  }

 private:
  NetlinkSocket requests_;
  NetlinkSocket changes_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<LinkMonitor>> LinkMonitor::Open() {
  ASSIGN_OR_RETURN(NetlinkSocket requests, NetlinkSocket::Open(0));
  ASSIGN_OR_RETURN(NetlinkSocket changes,
                   NetlinkSocket::Open(RTMGRP_LINK | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE));
  return std::make_unique<NetlinkLinkMonitor>(std::move(requests), std::move(changes));
}

}  // namespace audio_latency::probe
