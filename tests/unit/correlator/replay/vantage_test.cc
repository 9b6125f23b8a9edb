// Captures at every kind of place: what is told must not depend on where tcpdump was run.

#include <catch2/catch.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "correlator/replay/link_header.h"
#include "correlator/replay/replay.h"
#include "correlator/replay/role_guess.h"
#include "tests/unit/correlator/replay/capture_writer.h"
#include "tests/unit/correlator/replay/captured_call.h"

namespace audio_latency::correlator {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)

using Bytes = std::vector<uint8_t>;

constexpr uint32_t kVeth = 7;
constexpr uint32_t kUplink = 2;
constexpr int64_t kThroughNodeNs = 20'000;

Bytes Cooked(bool is_v2, Direction direction, uint32_t interface, const Bytes& ethernet) {
  const bool is_out = direction == Direction::kEgress;
  Writer writer(true);
  if (is_v2) {
    writer.U16(0x0800).U16(0).U32(interface).U16(1).U8(is_out ? 4 : 0).U8(6).U64(0);
  } else {
    writer.U16(is_out ? 4 : 0).U16(1).U16(6).U64(0).U16(0x0800);
  }
  return writer.Bytes(std::span(ethernet).subspan(14)).bytes();
}

// What `tcpdump -i any` sees on the three nodes: each packet at the pod's veth and at eth0.
std::vector<CapturedPacket> AnyCapture() {
  std::vector<CapturedPacket> all;
  for (const CapturedPacket& packet : CaptureCall({})) {
    CapturedPacket at_veth = packet;
    CapturedPacket at_uplink = packet;
    const bool leaves_pod = packet.direction == Direction::kIngress;
    at_uplink.time_ns += leaves_pod ? kThroughNodeNs : -kThroughNodeNs;
    at_uplink.direction = leaves_pod ? Direction::kEgress : Direction::kIngress;
    // The node is a router.
    SetHopsLeft(&at_uplink.frame, 63);
    at_veth.frame = Cooked(true, at_veth.direction, kVeth, at_veth.frame);
    at_uplink.frame = Cooked(true, at_uplink.direction, kUplink, at_uplink.frame);
    all.push_back(std::move(at_veth));
    all.push_back(std::move(at_uplink));
  }
  std::stable_sort(all.begin(), all.end(), [](const CapturedPacket& x, const CapturedPacket& y) {
    return x.time_ns < y.time_ns;
  });
  return all;
}

class Setup {
 public:
  explicit Setup(LinkLayer link_layer) {
    auto created = Replay::Create({}, names_, nullptr);
    REQUIRE(created.ok());
    replay_ = *std::move(created);
    for (const char* node : {"a", "b", "c"}) {
      REQUIRE(replay_->AddPoint({.node = node, .interface_name = "any", .link_layer = link_layer})
                  .ok());
    }
  }

  void Run(const std::vector<CapturedPacket>& packets) {
    for (const CapturedPacket& packet : packets) {
      replay_->Packet(packet.place, packet.time_ns, packet.frame,
                      static_cast<uint32_t>(packet.frame.size()), Direction::kUnknown);
    }
    replay_->Finish();
  }

  PathSnapshot OnlyPath() {
    const std::vector<PathSnapshot> paths = replay_->paths().Paths(0);
    REQUIRE(paths.size() == 1);
    return paths[0];
  }
  Replay& replay() { return *replay_; }

 private:
  CallNames names_;
  std::unique_ptr<Replay> replay_;
};

TEST_CASE("captures at any of each node are told from veth to veth") {
  Setup setup(LinkLayer::kLinuxCookedV2);
  setup.Run(AnyCapture());
  const PathSnapshot path = setup.OnlyPath();
  CHECK(path.path == "ingress > processor > egress");
  REQUIRE(path.hops.size() == 3);
  CHECK(path.hops[0].delay.min_seconds == Approx(0.0003).epsilon(0.001));
  CHECK(path.hops[1].delay.max_seconds == Approx(0.04).epsilon(0.001));
  CHECK(path.hops[2].delay.max_seconds == Approx(0.0003).epsilon(0.001));
}

TEST_CASE("any of the middle node alone tells no network hop, only the inside") {
  std::vector<CapturedPacket> at_b;
  for (const CapturedPacket& packet : AnyCapture()) {
    if (packet.place == kAtB) {
      at_b.push_back(packet);
    }
  }
  Setup setup(LinkLayer::kLinuxCookedV2);
  setup.Run(at_b);
  const std::vector<HopSnapshot> hops = setup.replay().paths().Hops(0);
  REQUIRE(hops.size() == 1);
  CHECK(hops[0].kind == HopKind::kProcessing);
  CHECK(hops[0].delay.min_seconds == Approx(0.04).epsilon(0.001));
}

TEST_CASE("link headers of every kind give the frame behind them") {
  const std::vector<CapturedPacket> packets = CaptureCall({.seconds = 1});
  const Bytes& frame = packets.back().frame;
  const Bytes ip(frame.begin() + 14, frame.end());
  LinkHeaderReader reader;
  LinkFrame read;
  const auto holds_the_packet = [&] {
    return read.ethernet.size() == frame.size() &&
           std::equal(read.ethernet.begin() + 12, read.ethernet.end(), frame.begin() + 12);
  };
  REQUIRE(reader.Read(LinkLayer::kEthernet, frame, &read));
  CHECK(holds_the_packet());
  REQUIRE(reader.Read(LinkLayer::kRawIp, ip, &read));
  CHECK(holds_the_packet());
  CHECK(read.direction == Direction::kUnknown);
  REQUIRE(reader.Read(LinkLayer::kNull, Writer().U32(2).Bytes(ip).bytes(), &read));
  CHECK(holds_the_packet());
  REQUIRE(
      reader.Read(LinkLayer::kLinuxCookedV1, Cooked(false, Direction::kEgress, 0, frame), &read));
  CHECK(holds_the_packet());
  CHECK(read.direction == Direction::kEgress);
  CHECK(read.interface_index == 0);
  REQUIRE(
      reader.Read(LinkLayer::kLinuxCookedV2, Cooked(true, Direction::kIngress, 9, frame), &read));
  CHECK(holds_the_packet());
  CHECK(read.direction == Direction::kIngress);
  CHECK(read.interface_index == 9);
}

TEST_CASE("packets shorter than their link header are refused, and nothing else is") {
  const std::map<LinkLayer, size_t> header_bytes = {{LinkLayer::kEthernet, 14},
                                                    {LinkLayer::kRawIp, 1},
                                                    {LinkLayer::kNull, 5},
                                                    {LinkLayer::kLinuxCookedV1, 16},
                                                    {LinkLayer::kLinuxCookedV2, 20}};
  LinkHeaderReader reader;
  LinkFrame read;
  for (const auto& [link_layer, least] : header_bytes) {
    for (size_t size = 0; size < 64; ++size) {
      CHECK(reader.Read(link_layer, Bytes(size, 0x45), &read) == (size >= least));
    }
  }
}

IpGlance Packet(uint8_t source, uint8_t destination, uint8_t hops_left) {
  const auto address = [](uint8_t last) {
    return *IpAddress::Parse("10.0.0." + std::to_string(last));
  };
  return {.source = address(source), .destination = address(destination), .hops_left = hops_left};
}

TEST_CASE("an interface by which only one sender's fresh packets come in faces a pod") {
  RoleGuess guess;
  const IpGlance out = Packet(1, 9, 64);
  const IpGlance in = Packet(9, 1, 62);
  const auto role = [&](uint32_t interface, Direction direction, const IpGlance& packet) {
    return guess.RoleOf(interface, direction, packet.source, packet.destination);
  };
  // Nothing came from there yet: a pod that only listens looks so.
  CHECK(role(kVeth, Direction::kEgress, in) == InterfaceRole::kContainer);
  guess.Note(kVeth, Direction::kIngress, out);
  guess.Note(kUplink, Direction::kEgress, Packet(1, 9, 63));
  guess.Note(kUplink, Direction::kIngress, Packet(9, 1, 63));
  guess.Note(kVeth, Direction::kEgress, in);
  CHECK(role(kVeth, Direction::kIngress, out) == InterfaceRole::kContainer);
  CHECK(role(kVeth, Direction::kEgress, in) == InterfaceRole::kContainer);
  CHECK(role(kUplink, Direction::kEgress, out) == InterfaceRole::kUplink);
  CHECK(role(kUplink, Direction::kIngress, in) == InterfaceRole::kUplink);
}

TEST_CASE("inside a pod's own network its eth0 is an uplink, also to a neighbour") {
  RoleGuess guess;
  const IpGlance out = Packet(1, 2, 64);
  const IpGlance in = Packet(2, 1, 64);
  guess.Note(1, Direction::kEgress, out);
  guess.Note(1, Direction::kIngress, in);
  CHECK(guess.RoleOf(1, Direction::kEgress, out.source, out.destination) == InterfaceRole::kUplink);
  CHECK(guess.RoleOf(1, Direction::kIngress, in.source, in.destination) == InterfaceRole::kUplink);
}

TEST_CASE("an interface with several senders behind it faces no pod") {
  RoleGuess guess;
  guess.Note(1, Direction::kIngress, Packet(1, 9, 64));
  guess.Note(1, Direction::kIngress, Packet(2, 9, 64));
  const IpGlance packet = Packet(1, 9, 64);
  CHECK(guess.RoleOf(1, Direction::kIngress, packet.source, packet.destination) ==
        InterfaceRole::kUplink);
}

TEST_CASE("the look at the IP header goes through VLAN tags and stops at what is cut") {
  Bytes frame = CaptureCall({.seconds = 1}).front().frame;
  REQUIRE(GlanceAtIp(frame).has_value());
  CHECK(GlanceAtIp(frame)->hops_left == 64);
  CHECK(GlanceAtIp(frame)->source.ToString() == "10.0.0.1");
  for (size_t size = 0; size < 34; ++size) {
    CHECK_FALSE(GlanceAtIp(std::span(frame).first(size)).has_value());
  }
  frame.insert(frame.begin() + 12, {0x88, 0xa8, 0, 5, 0x81, 0, 0, 6});
  REQUIRE(GlanceAtIp(frame).has_value());
  CHECK(GlanceAtIp(frame)->destination.ToString() == "10.0.0.2");
  frame.insert(frame.begin() + 12, {0x81, 0, 0, 7});
  CHECK_FALSE(GlanceAtIp(frame).has_value());
}

}  // namespace
}  // namespace audio_latency::correlator
