// Frames that carry frames, as overlay networks send them.

#ifndef TESTS_BPF_SUPPORT_TUNNEL_BUILDER_H_
#define TESTS_BPF_SUPPORT_TUNNEL_BUILDER_H_

#include <string>
#include <vector>

#include "tests/bpf/support/frame_builder.h"

namespace audio_latency::testing {

// One way of carrying a frame.
struct Tunnel {
  std::string name;
  // 0: IP within IP, without the frame's Ethernet header.
  uint16_t port = 0;
  // Geneve's, a multiple of 4 bytes.
  Bytes geneve_options = {};
  // Geneve: the IP packet alone is carried.
  bool without_ethernet = false;
};

// All that the parser knows.
const std::vector<Tunnel>& Tunnels();

// `frame` (Ethernet; without VLAN tags where the tunnel carries IP alone) within a frame of
// `outer`, whose ports count only where the tunnel has none.
Bytes TunnelFrame(const Tunnel& tunnel, const Bytes& frame, FrameOptions outer);

// UDP payload of VXLAN and Geneve.
Bytes TunnelPayload(const Tunnel& tunnel, const Bytes& frame);

}  // namespace audio_latency::testing

#endif  // TESTS_BPF_SUPPORT_TUNNEL_BUILDER_H_
