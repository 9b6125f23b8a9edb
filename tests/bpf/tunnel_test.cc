// Tunnels, and devices without Ethernet header, in the kernel.

#include <catch2/catch.hpp>
#include <random>
#include <vector>

#include "bpf/capture_layout.h"
#include "tests/bpf/agreement.h"
#include "tests/bpf/support/frame_builder.h"
#include "tests/bpf/support/tunnel_builder.h"

namespace audio_latency {
namespace {

using testing::Bytes;
using testing::FrameOptions;
using testing::kShortestFrame;
using testing::RandomBytes;
using testing::RequireSame;
using testing::RtpPacket;
using testing::TcpFrame;
using testing::Tunnel;
using testing::TunnelFrame;
using testing::Tunnels;
using testing::UdpFrame;

constexpr std::ptrdiff_t kEthernetBytes = 14;

capture_config Config() { return capture_config_make(42, 16, 5, 256, CAPTURE_ALGORITHM_XXHASH); }

Bytes WithoutEthernet(const Bytes& frame) { return {frame.begin() + kEthernetBytes, frame.end()}; }

// A stream of TCP and one of RTP, over IPv4 and IPv6.
std::vector<Bytes> Streams(const FrameOptions& shape) {
  std::vector<Bytes> frames;
  const Bytes audio = RandomBytes(20000, 3);
  FrameOptions options = shape;
  for (uint16_t i = 0; i < 12; ++i) {
    options.ipv6 = i % 2 == 0;
    options.sequence = 1000U + i / 2 * 700U;
    frames.push_back(TcpFrame({&audio[i / 2 * 700UL], 700}, options));
    const Bytes rtp =
        RtpPacket({&audio[i * 160UL], 160}, {.sequence = static_cast<uint16_t>(i / 2)});
    frames.push_back(UdpFrame(rtp, options));
  }
  return frames;
}

TEST_CASE("tunnels: kernel and user space see the same inner flows") {
  for (const Tunnel& tunnel : Tunnels()) {
    for (const bool outer_ipv6 : {false, true}) {
      CAPTURE(tunnel.name, outer_ipv6);
      const bool has_ethernet = tunnel.port != 0 && !tunnel.without_ethernet;
      for (const std::vector<uint16_t>& tags :
           {std::vector<uint16_t>{}, std::vector<uint16_t>{5}}) {
        std::vector<Bytes> frames;
        std::vector<Bytes> packets;
        for (const Bytes& frame :
             Streams(has_ethernet ? FrameOptions{.vlan_tags = tags} : FrameOptions{})) {
          frames.push_back(TunnelFrame(tunnel, frame, {.ipv6 = outer_ipv6, .vlan_tags = tags}));
          packets.push_back(WithoutEthernet(TunnelFrame(tunnel, frame, {.ipv6 = outer_ipv6})));
        }
        size_t events = 0;
        RequireSame(Config(), frames, &events);
        CHECK(events > 200);
        RequireSame(Config(), packets, &events, {.link_layer = CAPTURE_LINK_IP});
        CHECK(events > 200);
      }
    }
  }
}

TEST_CASE("tunnels cut and malformed: same counts in both, and every packet goes on") {
  std::mt19937 random(7);
  const Bytes payload = RandomBytes(120, 8);
  for (const Tunnel& tunnel : Tunnels()) {
    for (const bool ipv6 : {false, true}) {
      CAPTURE(tunnel.name, ipv6);
      std::vector<Bytes> frames;
      const Bytes inner = TcpFrame(payload, {.ipv6 = ipv6});
      const Bytes good = TunnelFrame(tunnel, inner, {.ipv6 = !ipv6});
      for (size_t length = kShortestFrame + kEthernetBytes; length <= good.size(); ++length) {
        frames.emplace_back(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(length));
      }
      for (auto end = inner.begin() + 2 * kEthernetBytes; end != inner.end(); ++end) {
        frames.push_back(TunnelFrame(tunnel, {inner.begin(), end}, {.ipv6 = !ipv6}));
      }
      for (int i = 0; i < 1000; ++i) {
        Bytes bad = good;
        bad[12 + random() % (good.size() - payload.size() - 12)] = static_cast<uint8_t>(random());
        frames.push_back(bad);
      }
      RequireSame(Config(), frames);
      for (Bytes& frame : frames) {
        frame = WithoutEthernet(frame);
      }
      RequireSame(Config(), frames, nullptr, {.link_layer = CAPTURE_LINK_IP});
    }
  }
}

TEST_CASE("the port filter judges the inner ports") {
  const Bytes payload = RandomBytes(1000, 9);
  const Bytes inner = TcpFrame(payload, {.source_port = 1, .destination_port = 9000});
  const auto events = [&](const Tunnel& tunnel, const std::set<uint16_t>& ports,
                          const std::set<uint16_t>& excluded) {
    auto kernel = testing::Load(Config(), ports, excluded);
    kernel->Run(TunnelFrame(tunnel, inner, {.source_port = 50000}), CAPTURE_DIRECTION_INGRESS);
    const size_t count = kernel->TakeEvents().size();
    CHECK(kernel->Counter(CAPTURE_COUNTER_PORT_FILTERED) == (count > 0 ? 0 : 1));
    return count;
  };
  for (const Tunnel& tunnel : Tunnels()) {
    CAPTURE(tunnel.name);
    CHECK(events(tunnel, {9000}, {}) > 0);
    CHECK(events(tunnel, {tunnel.port, 50000}, {}) == 0);
    CHECK(events(tunnel, {}, {9000}) == 0);
    CHECK(events(tunnel, {}, {tunnel.port}) > 0);
  }
}

}  // namespace
}  // namespace audio_latency
