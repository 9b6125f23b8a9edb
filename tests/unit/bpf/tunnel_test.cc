// Packets within packets: the inner flow is what is seen, and what is no tunnel stays what it is.

#include <catch2/catch.hpp>
#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include "bpf/capture_layout.h"
#include "bpf/software/software_capture.h"
#include "tests/bpf/support/frame_builder.h"
#include "tests/bpf/support/tunnel_builder.h"

namespace audio_latency {
namespace {

using testing::Bytes;
using testing::FrameOptions;
using testing::RandomBytes;
using testing::RtpOptions;
using testing::RtpPacket;
using testing::TcpFrame;
using testing::Tunnel;
using testing::TunnelFrame;
using testing::TunnelPayload;
using testing::Tunnels;
using testing::UdpFrame;

class Node {
 public:
  Node()
      : capture_(SoftwareCapture::Create(
            capture_config_make(1, 16, 5, 0, CAPTURE_ALGORITHM_XXHASH), 64,
            [this](const signature_event& event) { events.push_back(event); })) {}

  // Feeds the frame from memory of exactly its size.
  void Feed(const Bytes& frame) {
    auto exact = std::make_unique<uint8_t[]>(frame.size());
    std::copy(frame.begin(), frame.end(), exact.get());
    capture_->Packet({exact.get(), frame.size()}, 1, 3, CAPTURE_DIRECTION_INGRESS, {});
  }

  uint64_t Count(capture_counter counter) const { return capture_->counters()[counter]; }

  bool HasSameEvents(const Node& other) const {
    return events.size() == other.events.size() &&
           std::memcmp(events.data(), other.events.data(),
                       events.size() * sizeof(signature_event)) == 0;
  }

  std::vector<signature_event> events;

 private:
  std::unique_ptr<SoftwareCapture> capture_;
};

const Bytes& Payload() {
  static const Bytes payload = RandomBytes(500, 1);
  return payload;
}

std::vector<FrameOptions> OuterShapes() {
  std::vector<FrameOptions> shapes(1);
  shapes.push_back({.ipv6 = true});
  shapes.push_back({.vlan_tags = {7, 8}, .ipv4_options = Bytes(8, 1)});
  shapes.push_back({.ipv6 = true, .ipv6_extensions = {{60, Bytes(6, 0)}}});
  shapes.push_back({.trailing_bytes = 6});
  for (FrameOptions& shape : shapes) {
    shape.source_host = 1;
    shape.destination_host = 2;
  }
  return shapes;
}

std::vector<FrameOptions> InnerShapes(const Tunnel& tunnel) {
  std::vector<FrameOptions> shapes(1);
  shapes.push_back({.ipv6 = true});
  shapes.push_back({.ipv4_options = Bytes(12, 1), .tcp_options = Bytes(12, 1)});
  shapes.push_back({.ipv6 = true, .ipv6_extensions = {{0, Bytes(6, 0)}}});
  if (tunnel.port != 0 && !tunnel.without_ethernet) {
    shapes.push_back({.vlan_tags = {9}});
    shapes.push_back({.ipv6 = true, .vlan_tags = {9, 10}});
  }
  return shapes;
}

TEST_CASE("the inner flow is seen through every tunnel, as it is without") {
  for (const Tunnel& tunnel : Tunnels()) {
    for (const FrameOptions& outer : OuterShapes()) {
      for (const FrameOptions& inner : InnerShapes(tunnel)) {
        CAPTURE(tunnel.name, outer.ipv6, inner.ipv6, inner.vlan_tags.size());
        Node bare;
        Node overlay;
        std::vector<Bytes> frames = {TcpFrame(Payload(), inner)};
        for (uint16_t i = 0; i < 4; ++i) {
          frames.push_back(UdpFrame(RtpPacket(Payload(), {.sequence = i}), inner));
        }
        for (const Bytes& frame : frames) {
          bare.Feed(frame);
          overlay.Feed(TunnelFrame(tunnel, frame, outer));
        }
        REQUIRE(bare.events.size() > 8);
        CHECK(overlay.HasSameEvents(bare));
        CHECK(overlay.Count(CAPTURE_COUNTER_MALFORMED) == 0);
      }
    }
  }
}

TEST_CASE("a tunnel's frame cut at any length is counted, and gives no event") {
  for (const Tunnel& tunnel : Tunnels()) {
    for (const FrameOptions& outer : OuterShapes()) {
      if (outer.trailing_bytes != 0) {
        continue;
      }
      const Bytes frame = TunnelFrame(tunnel, TcpFrame(Payload()), outer);
      Node node;
      for (size_t length = 0; length < frame.size(); ++length) {
        node.Feed({frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(length)});
      }
      CHECK(node.events.empty());
      CHECK(node.Count(CAPTURE_COUNTER_MALFORMED) == frame.size());
    }
  }
}

TEST_CASE("an inner frame cut at any length is no tunnel: ordinary UDP, or malformed IP in IP") {
  constexpr std::ptrdiff_t kEthernetBytes = 14;
  for (const Tunnel& tunnel : Tunnels()) {
    for (const FrameOptions& inner : InnerShapes(tunnel)) {
      CAPTURE(tunnel.name, inner.ipv6, inner.vlan_tags.size());
      const Bytes whole = TcpFrame(Payload(), inner);
      Node node;
      // Behind the bytes that the builder looks at.
      for (auto end = whole.begin() + kEthernetBytes + 1; end != whole.end(); ++end) {
        node.Feed(TunnelFrame(tunnel, {whole.begin(), end}, {}));
      }
      const uint64_t cuts = whole.size() - kEthernetBytes - 1;
      CHECK(node.events.empty());
      CHECK(node.Count(tunnel.port != 0 ? CAPTURE_COUNTER_NOT_RTP : CAPTURE_COUNTER_MALFORMED) ==
            cuts);
    }
  }
}

TEST_CASE("RTP to the port of a tunnel is RTP") {
  for (const Tunnel& tunnel : Tunnels()) {
    if (tunnel.port == 0) {
      continue;
    }
    Node node;
    for (uint16_t i = 0; i < 100; ++i) {
      RtpOptions rtp = {.payload_type = static_cast<uint8_t>(i % 5 == 0 ? 0 : 111), .sequence = i};
      node.Feed(UdpFrame(RtpPacket(Payload(), rtp), {.destination_port = tunnel.port}));
    }
    CHECK(node.events.size() > 90);
    for (const signature_event& event : node.events) {
      CHECK(event.destination_port == tunnel.port);
    }
  }
}

TEST_CASE("other versions and protocols of the tunnels are not entered") {
  const Bytes frame = TcpFrame(Payload());
  const auto feed = [&](const Tunnel& tunnel, size_t at, uint8_t value) {
    Bytes payload = TunnelPayload(tunnel, frame);
    payload[at] = value;
    Node node;
    node.Feed(UdpFrame(payload, {.destination_port = tunnel.port}));
    return node.events.size();
  };
  const Tunnel& vxlan = Tunnels()[0];
  const Tunnel& geneve = Tunnels()[2];
  CHECK(feed(vxlan, 0, 0x08) > 0);
  CHECK(feed(vxlan, 0, 0x88) > 0);   // with a group policy
  CHECK(feed(vxlan, 0, 0x00) == 0);  // no network identifier
  CHECK(feed(vxlan, 0, 0x0c) == 0);  // generic protocol extension
  CHECK(feed(geneve, 0, 0x00) > 0);
  CHECK(feed(geneve, 0, 0x40) == 0);  // version 1
  CHECK(feed(geneve, 0, 0x3f) == 0);  // options longer than the header
  CHECK(feed(geneve, 2, 0x12) == 0);  // another protocol
}

TEST_CASE("what a tunnel carries is counted by cause") {
  for (const Tunnel& tunnel : Tunnels()) {
    CAPTURE(tunnel.name);
    Node node;
    node.Feed(TunnelFrame(tunnel, TcpFrame(Payload(), {.ipv4_fragment_field = 0x2000}), {}));
    CHECK(node.Count(CAPTURE_COUNTER_FRAGMENT) == 1);
    node.Feed(TunnelFrame(tunnel, TcpFrame(Payload()), {.ipv4_fragment_field = 0x0010}));
    CHECK(node.Count(CAPTURE_COUNTER_FRAGMENT) == 2);
    node.Feed(TunnelFrame(tunnel, testing::IpFrame(Payload(), 1), {}));
    CHECK(node.Count(CAPTURE_COUNTER_NOT_TCP_OR_UDP) == 1);
    if (tunnel.port != 0 && !tunnel.without_ethernet) {
      Bytes arp = TcpFrame(Payload());
      arp[13] = 0x06;
      node.Feed(TunnelFrame(tunnel, arp, {}));
      CHECK(node.Count(CAPTURE_COUNTER_NOT_IP) == 1);
    }
    CHECK(node.events.empty());
  }
}

TEST_CASE("a tunnel within a tunnel is left alone") {
  const Bytes frame = TcpFrame(Payload());
  for (const Tunnel& outer : Tunnels()) {
    for (const Tunnel& inner : Tunnels()) {
      CAPTURE(outer.name, inner.name);
      Node node;
      node.Feed(TunnelFrame(outer, TunnelFrame(inner, frame, {}), {}));
      CHECK(node.events.empty());
      CHECK(node.Count(inner.port != 0 ? CAPTURE_COUNTER_NOT_RTP
                                       : CAPTURE_COUNTER_NOT_TCP_OR_UDP) == 1);
    }
  }
}

TEST_CASE("tunnels with any one byte of the headers changed do no harm") {
  std::mt19937 random(3);
  for (const Tunnel& tunnel : Tunnels()) {
    for (const FrameOptions& outer : OuterShapes()) {
      for (const FrameOptions& inner : InnerShapes(tunnel)) {
        const Bytes good = TunnelFrame(tunnel, TcpFrame(Payload(), inner), outer);
        Node node;
        const size_t headers = good.size() - Payload().size();
        for (size_t at = 0; at < headers; ++at) {
          for (int value = 0; value < 256; value += 1 + static_cast<int>(random() % 31)) {
            Bytes bad = good;
            bad[at] = static_cast<uint8_t>(value);
            node.Feed(bad);
          }
        }
        CHECK(node.Count(CAPTURE_COUNTER_PACKETS) > headers * 8);
      }
    }
  }
}

}  // namespace
}  // namespace audio_latency
