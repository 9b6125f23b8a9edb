#include "tests/lab/devices/packet_tap.h"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sys/socket.h>

#include "tests/lab/errno_status.h"

namespace audio_latency::lab {
namespace {

constexpr int kRoomBytes = 256 << 20;
constexpr size_t kLongestPacketBytes = 300000;

}  // namespace

absl::StatusOr<PacketTap> PacketTap::Open(const std::string& interface_name) {
  FileDescriptor tap(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  setsockopt(tap.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kRoomBytes, sizeof(kRoomBytes));
  sockaddr_ll address = {};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_ALL);
  address.sll_ifindex = static_cast<int>(if_nametoindex(interface_name.c_str()));
  if (bind(tap.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return ErrnoStatus("cannot tap " + interface_name);
  }
  return PacketTap(std::move(tap));
}

absl::StatusOr<std::vector<TappedPacket>> PacketTap::Take() const {
  std::vector<TappedPacket> packets;
  std::vector<uint8_t> buffer(kLongestPacketBytes);
  for (;;) {
    sockaddr_ll from = {};
    socklen_t length = sizeof(from);
    const ssize_t bytes = recvfrom(socket_.get(), buffer.data(), buffer.size(), MSG_TRUNC,
                                   reinterpret_cast<sockaddr*>(&from), &length);
    if (bytes < 0) {
      break;
    }
    packets.push_back({{buffer.begin(), buffer.begin() + bytes},
                       from.sll_pkttype == PACKET_OUTGOING ? CAPTURE_DIRECTION_EGRESS
                                                           : CAPTURE_DIRECTION_INGRESS});
  }
  tpacket_stats statistics = {};
  socklen_t length = sizeof(statistics);
  getsockopt(socket_.get(), SOL_PACKET, PACKET_STATISTICS, &statistics, &length);
  if (statistics.tp_drops != 0) {
    return absl::DataLossError("the tap dropped packets");
  }
  return packets;
}

}  // namespace audio_latency::lab
