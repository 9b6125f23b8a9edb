// Where a captured Ethernet frame's payload begins, and numbers in the network's byte order.

#ifndef CORRELATOR_REPLAY_ETHERNET_H_
#define CORRELATOR_REPLAY_ETHERNET_H_

#include <cstddef>
#include <cstdint>
#include <span>

namespace audio_latency::correlator {

inline constexpr size_t kEthernetHeaderBytes = 14;
inline constexpr uint16_t kEthertypeIpv4 = 0x0800;
inline constexpr uint16_t kEthertypeIpv6 = 0x86dd;

// Of the first bytes, of which there must be as many.
inline uint16_t BigEndian16(std::span<const uint8_t> bytes) {
  return static_cast<uint16_t>(bytes[0] << 8 | bytes[1]);
}
inline uint32_t BigEndian32(std::span<const uint8_t> bytes) {
  return uint32_t{BigEndian16(bytes)} << 16 | BigEndian16(bytes.subspan(2));
}

struct EthernetPayload {
  // 0: the frame is cut short before it.
  uint16_t ethertype = 0;
  std::span<const uint8_t> bytes;
};

// Behind up to two VLAN tags (IEEE 802.1Q and 802.1ad).
EthernetPayload PayloadOf(std::span<const uint8_t> ethernet);

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_REPLAY_ETHERNET_H_
