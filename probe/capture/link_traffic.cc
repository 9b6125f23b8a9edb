#include "probe/capture/link_traffic.h"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include <string_view>

#include "common/status/status_macros.h"
#include "probe/capture/netlink.h"

namespace audio_latency::probe {

absl::StatusOr<std::map<uint32_t, LinkTraffic>> ReadLinkTraffic() {
  ASSIGN_OR_RETURN(NetlinkSocket socket, NetlinkSocket::Open(0));
  std::map<uint32_t, LinkTraffic> all;
  RETURN_IF_ERROR(socket.Dump(RTM_GETLINK, ifinfomsg{}, [&](const NetlinkMessage& message) {
    if (message.type != RTM_NEWLINK) {
      return;
    }
    const auto header = NetlinkHeader<ifinfomsg>(message.payload);
    ForEachAttribute(message.payload, sizeof(header), [&](uint16_t type, std::string_view value) {
      if (type == IFLA_STATS64) {
        const auto counted = NetlinkHeader<rtnl_link_stats64>(value);
        all[static_cast<uint32_t>(header.ifi_index)] = {
            .received = {counted.rx_packets, counted.rx_bytes},
            .sent = {counted.tx_packets, counted.tx_bytes}};
      }
    });
  }));
  return all;
}

}  // namespace audio_latency::probe
