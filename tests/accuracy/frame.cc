#include "tests/accuracy/frame.h"

namespace audio_latency::accuracy {
namespace {

constexpr uint8_t kTcp = 6;
constexpr uint8_t kUdp = 17;
constexpr uint16_t kEtherTypeIpv4 = 0x0800;
constexpr uint16_t kEtherTypeVlan = 0x8100;
constexpr uint16_t kEtherTypeIpv6 = 0x86dd;
constexpr uint16_t kVlanId = 42;
constexpr uint16_t kVxlanPort = 4789;
constexpr uint32_t kVxlanNetwork = 77;

// RFC 1071.
uint16_t Checksum(std::string_view bytes) {
  uint32_t sum = 0;
  for (size_t i = 0; i + 1 < bytes.size(); i += 2) {
    sum += static_cast<uint32_t>(static_cast<uint8_t>(bytes[i]) << 8 |
                                 static_cast<uint8_t>(bytes[i + 1]));
  }
  while (sum >> 16 != 0) {
    sum = (sum & 0xffff) + (sum >> 16);
  }
  return static_cast<uint16_t>(~sum);
}

std::string Ipv4Header(std::string_view source, std::string_view destination, uint8_t protocol,
                       size_t payload_bytes) {
  std::string header("\x45\x00", 2);
  AppendBigEndian(&header, 20 + payload_bytes, 2);
  AppendBigEndian(&header, 0x00004000, 4);  // not a fragment, and not to be cut
  header.push_back(64);
  header.push_back(static_cast<char>(protocol));
  AppendBigEndian(&header, 0, 2);
  header.append(source).append(destination);
  std::string sum;
  AppendBigEndian(&sum, Checksum(header), 2);
  return header.replace(10, 2, sum);
}

std::string Ipv6Header(std::string_view source, std::string_view destination, uint8_t protocol,
                       size_t payload_bytes) {
  std::string header("\x60\x00\x00\x00", 4);
  AppendBigEndian(&header, payload_bytes, 2);
  header.push_back(static_cast<char>(protocol));
  header.push_back(64);
  return header.append(source).append(destination);
}

std::string EthernetHeader(uint16_t ether_type) {
  std::string header("\x02\x00\x00\x00\x00\x02\x02\x00\x00\x00\x00\x01", 12);
  AppendBigEndian(&header, ether_type, 2);
  return header;
}

std::string UdpHeader(uint16_t source_port, uint16_t destination_port, size_t payload_bytes) {
  std::string header;
  AppendBigEndian(&header, source_port, 2);
  AppendBigEndian(&header, destination_port, 2);
  AppendBigEndian(&header, 8 + payload_bytes, 2);
  AppendBigEndian(&header, 0, 2);
  return header;
}

// The tunnel's ends are the nodes that the pods are on: 10.N.0.0/16, or fd00:N::/32.
std::string InVxlan(const IpAddress& source, const IpAddress& destination, std::string inner) {
  const auto node = [](const IpAddress& pod) {
    return std::string("\xac\x10\x00", 3) +
           static_cast<char>(pod.is_v4() ? pod.mapped()[13] : pod.mapped()[3]);
  };
  std::string vxlan("\x08\x00\x00\x00", 4);
  AppendBigEndian(&vxlan, kVxlanNetwork << 8, 4);
  const std::string payload = vxlan + inner;
  // The source port is a hash of the inner flow (RFC 7348 §5).
  const std::string udp = UdpHeader(50'123, kVxlanPort, payload.size());
  return EthernetHeader(kEtherTypeIpv4) +
         Ipv4Header(node(source), node(destination), kUdp, udp.size() + payload.size()) + udp +
         payload;
}

std::string IpFrame(Network network, const SocketAddress& source, const SocketAddress& destination,
                    uint8_t protocol, const std::string& transport, std::string_view payload) {
  const bool is_v4 = source.address.is_v4();
  const uint16_t ether_type = is_v4 ? kEtherTypeIpv4 : kEtherTypeIpv6;
  std::string frame = EthernetHeader(network == Network::kVlan ? kEtherTypeVlan : ether_type);
  if (network == Network::kVlan) {
    AppendBigEndian(&frame, kVlanId, 2);
    AppendBigEndian(&frame, ether_type, 2);
  }
  const size_t bytes = transport.size() + payload.size();
  frame += (is_v4 ? Ipv4Header : Ipv6Header)(source.address.ToBytes(),
                                             destination.address.ToBytes(), protocol, bytes);
  frame.append(transport).append(payload);
  return network == Network::kVxlan ? InVxlan(source.address, destination.address, std::move(frame))
                                    : frame;
}

}  // namespace

void AppendBigEndian(std::string* bytes, uint64_t value, int count) {
  for (int shift = 8 * (count - 1); shift >= 0; shift -= 8) {
    bytes->push_back(static_cast<char>(value >> shift & 0xff));
  }
}

std::string TcpFrame(Network network, const SocketAddress& source, const SocketAddress& destination,
                     const TcpHeader& header, std::string_view payload) {
  std::string tcp;
  AppendBigEndian(&tcp, source.port, 2);
  AppendBigEndian(&tcp, destination.port, 2);
  AppendBigEndian(&tcp, header.sequence, 4);
  AppendBigEndian(&tcp, header.acknowledgement, 4);
  tcp.push_back('\x80');  // 32 bytes: with timestamps, as Linux has it
  tcp.push_back(static_cast<char>(header.flags));
  AppendBigEndian(&tcp, 0xffff, 2);
  AppendBigEndian(&tcp, 0, 4);  // checksum, urgent pointer
  AppendBigEndian(&tcp, 0x0101080a, 4);
  AppendBigEndian(&tcp, 0, 8);
  return IpFrame(network, source, destination, kTcp, tcp, payload);
}

std::string UdpFrame(Network network, const SocketAddress& source, const SocketAddress& destination,
                     std::string_view payload) {
  return IpFrame(network, source, destination, kUdp,
                 UdpHeader(source.port, destination.port, payload.size()), payload);
}

}  // namespace audio_latency::accuracy
