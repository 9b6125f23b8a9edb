#include "correlator/replay/link_header.h"

#include <algorithm>

#include "correlator/replay/ethernet.h"

namespace audio_latency::correlator {
namespace {

constexpr size_t kNullHeaderBytes = 4;
// packet type, ARPHRD type, address length, address, protocol
constexpr size_t kCookedV1HeaderBytes = 16;
// protocol, reserved, interface, ARPHRD type, packet type, address length, address
constexpr size_t kCookedV2HeaderBytes = 20;
// PACKET_OUTGOING of linux/if_packet.h; all other types came in.
constexpr uint16_t kOutgoing = 4;
// ARPHRD_LOOPBACK of linux/if_arp.h.
constexpr uint16_t kLoopback = 772;

// The packet itself tells its version, so that the many numbers of address families (BSD's differ
// from Linux's, in the byte order of the capturing machine) need no table.
uint16_t EthertypeOf(std::span<const uint8_t> ip_packet) {
  if (ip_packet.empty()) {
    return 0;
  }
  const int version = ip_packet[0] >> 4;
  return version == 4 ? kEthertypeIpv4 : (version == 6 ? kEthertypeIpv6 : 0);
}

// libpcap leaves out that a packet goes out of the loopback interface, since it comes in again:
// what it keeps stands for both.
Direction DirectionOf(uint16_t packet_type, uint16_t hardware_type) {
  if (hardware_type == kLoopback) {
    return Direction::kUnknown;
  }
  return packet_type == kOutgoing ? Direction::kEgress : Direction::kIngress;
}

}  // namespace

std::span<const uint8_t> LinkHeaderReader::WithEthernetHeader(uint16_t protocol,
                                                              std::span<const uint8_t> rest) {
  rewritten_.assign(kEthernetHeaderBytes, 0);
  rewritten_[kEthernetHeaderBytes - 2] = static_cast<uint8_t>(protocol >> 8);
  rewritten_[kEthernetHeaderBytes - 1] = static_cast<uint8_t>(protocol);
  rewritten_.insert(rewritten_.end(), rest.begin(), rest.end());
  return rewritten_;
}

bool LinkHeaderReader::Read(LinkLayer link_layer, std::span<const uint8_t> packet,
                            LinkFrame* frame) {
  *frame = {};
  switch (link_layer) {
    case LinkLayer::kEthernet:
      frame->ethernet = packet;
      return packet.size() >= kEthernetHeaderBytes;
    case LinkLayer::kRawIp:
      frame->ethernet = WithEthernetHeader(EthertypeOf(packet), packet);
      return !packet.empty();
    case LinkLayer::kNull:
      if (packet.size() <= kNullHeaderBytes) {
        return false;
      }
      packet = packet.subspan(kNullHeaderBytes);
      frame->ethernet = WithEthernetHeader(EthertypeOf(packet), packet);
      return true;
    case LinkLayer::kLinuxCookedV1:
      if (packet.size() < kCookedV1HeaderBytes) {
        return false;
      }
      frame->direction = DirectionOf(BigEndian16(packet), BigEndian16(packet.subspan(2)));
      frame->ethernet = WithEthernetHeader(BigEndian16(packet.subspan(kCookedV1HeaderBytes - 2)),
                                           packet.subspan(kCookedV1HeaderBytes));
      return true;
    case LinkLayer::kLinuxCookedV2:
      if (packet.size() < kCookedV2HeaderBytes) {
        return false;
      }
      frame->direction = DirectionOf(packet[10], BigEndian16(packet.subspan(8)));
      frame->interface_index = BigEndian32(packet.subspan(4));
      frame->ethernet =
          WithEthernetHeader(BigEndian16(packet), packet.subspan(kCookedV2HeaderBytes));
      return true;
  }
  return false;
}

}  // namespace audio_latency::correlator
