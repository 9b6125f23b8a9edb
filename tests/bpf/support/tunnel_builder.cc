#include "tests/bpf/support/tunnel_builder.h"

#include <cstddef>

namespace audio_latency::testing {
namespace {

constexpr uint16_t kGenevePort = 6081;
constexpr std::ptrdiff_t kEthernetBytes = 14;
constexpr uint8_t kIpv4 = 4;
constexpr uint8_t kIpv6 = 41;

uint8_t IpVersion(const Bytes& frame) { return static_cast<uint8_t>(frame[kEthernetBytes] >> 4); }

}  // namespace

const std::vector<Tunnel>& Tunnels() {
  static const std::vector<Tunnel> all = {
      {"vxlan", 4789},
      {"vxlan on flannel's port", 8472},
      {"geneve", kGenevePort},
      {"geneve with options", kGenevePort, Bytes(24, 0xa5)},
      {"geneve with the most options", kGenevePort, Bytes(252, 0xa5)},
      {"geneve of IP", kGenevePort, Bytes(8, 1), true},
      {"IP in IP"},
  };
  return all;
}

Bytes TunnelPayload(const Tunnel& tunnel, const Bytes& frame) {
  Bytes payload;
  if (tunnel.port == kGenevePort) {
    payload = {static_cast<uint8_t>(tunnel.geneve_options.size() / 4), 0, 0x65, 0x58, 0, 0, 42, 0};
    if (tunnel.without_ethernet) {
      payload[2] = IpVersion(frame) == 6 ? 0x86 : 0x08;
      payload[3] = IpVersion(frame) == 6 ? 0xdd : 0x00;
    }
    payload.insert(payload.end(), tunnel.geneve_options.begin(), tunnel.geneve_options.end());
  } else {
    payload = {0x08, 0, 0, 0, 0, 0, 42, 0};
  }
  payload.insert(payload.end(), frame.begin() + (tunnel.without_ethernet ? kEthernetBytes : 0),
                 frame.end());
  return payload;
}

Bytes TunnelFrame(const Tunnel& tunnel, const Bytes& frame, FrameOptions outer) {
  if (tunnel.port != 0) {
    outer.destination_port = tunnel.port;
    return UdpFrame(TunnelPayload(tunnel, frame), outer);
  }
  return IpFrame({frame.begin() + kEthernetBytes, frame.end()},
                 IpVersion(frame) == 6 ? kIpv6 : kIpv4, outer);
}

}  // namespace audio_latency::testing
