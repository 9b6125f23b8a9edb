// Ethernet frames as the networks of the scenarios carry them.

#ifndef TESTS_ACCURACY_FRAME_H_
#define TESTS_ACCURACY_FRAME_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "common/address/ip_address.h"

namespace audio_latency::accuracy {

// How the packets of a leg look on the wire, beside their addresses' IP version.
enum class Network : uint8_t {
  kPlain,
  kVlan,   // IEEE 802.1Q, the tag in the frame
  kVxlan,  // RFC 7348: Ethernet in UDP in IPv4
};

struct SocketAddress {
  IpAddress address;
  uint16_t port = 0;
};

inline constexpr uint8_t kTcpFin = 0x01;
inline constexpr uint8_t kTcpSyn = 0x02;
inline constexpr uint8_t kTcpPush = 0x08;
inline constexpr uint8_t kTcpAck = 0x10;

struct TcpHeader {
  uint32_t sequence = 0;
  uint32_t acknowledgement = 0;
  uint8_t flags = kTcpAck;
};

// Both addresses are of one IP version. Checksums of TCP and UDP are left to the network card, as
// captures on a sending host show them (0).
std::string TcpFrame(Network network, const SocketAddress& source, const SocketAddress& destination,
                     const TcpHeader& header, std::string_view payload);
std::string UdpFrame(Network network, const SocketAddress& source, const SocketAddress& destination,
                     std::string_view payload);

void AppendBigEndian(std::string* bytes, uint64_t value, int count);

}  // namespace audio_latency::accuracy

#endif  // TESTS_ACCURACY_FRAME_H_
