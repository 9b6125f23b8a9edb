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

constexpr uint16_t kEthernetHardware = 1;
constexpr uint16_t kLoopbackHardware = 772;

Bytes Cooked(bool is_v2, Direction direction, uint32_t interface, const Bytes& ethernet,
             uint16_t hardware = kEthernetHardware) {
  const bool is_out = direction == Direction::kEgress;
  const uint16_t ethertype = static_cast<uint16_t>(ethernet[12] << 8 | ethernet[13]);
  Writer writer(true);
  if (is_v2) {
    writer.U16(ethertype).U16(0).U32(interface).U16(hardware).U8(is_out ? 4 : 0).U8(6).U64(0);
  } else {
    writer.U16(is_out ? 4 : 0).U16(hardware).U16(6).U64(0).U16(ethertype);
  }
  return writer.Bytes(std::span(ethernet).subspan(14)).bytes();
}

// What `tcpdump -i any` sees on the three nodes: each packet at the pod's veth and at eth0.
std::vector<CapturedPacket> AnyCapture(const CallOptions& options = {}) {
  std::vector<CapturedPacket> all;
  for (const CapturedPacket& packet : CaptureCall(options)) {
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

// An Ethernet frame with nothing but an IP header and eight bytes.
Bytes Ipv6Frame(const char* source, const char* destination, uint8_t next_header,
                uint8_t hops_left) {
  Writer writer(true);
  writer.U64(0).U32(0).U16(0x86dd).U32(0x60000000).U16(8).U8(next_header).U8(hops_left);
  writer.Bytes(IpAddress::Parse(source)->mapped()).Bytes(IpAddress::Parse(destination)->mapped());
  return writer.U64(0).bytes();
}

Bytes Ipv4Frame(uint32_t source, uint32_t destination, uint8_t protocol, uint8_t hops_left) {
  Writer writer(true);
  writer.U64(0).U32(0).U16(0x0800).U8(0x45).U8(0).U16(28).U32(0).U8(hops_left).U8(protocol).U16(0);
  return writer.U32(source).U32(destination).U64(0).bytes();
}

// What every interface carries beside audio; none of it is TCP or UDP from one host to another.
std::vector<Bytes> NeighbourTalk() {
  constexpr uint32_t kPod = 0x0a000001;
  return {Ipv6Frame("::", "ff02::16", 0, 1),                 // MLD, before there is an address
          Ipv6Frame("fe80::1", "ff02::16", 0, 1),            // MLD
          Ipv6Frame("fe80::1", "ff02::2", 58, 255),          // router solicitation
          Ipv6Frame("fe80::1", "fe80::2", 58, 255),          // neighbour advertisement
          Ipv6Frame("2001:db8::9", "2001:db8::1", 58, 255),  // the same, of a global address
          Ipv6Frame("fe80::1", "ff02::fb", 17, 255),         // mDNS
          Ipv4Frame(kPod, 0xe0000016, 2, 1),                 // IGMP
          Ipv4Frame(kPod + 9, 0xe00000fb, 17, 255),          // mDNS of another sender
          Ipv4Frame(0, 0xffffffff, 17, 64),                  // DHCP
          Ipv4Frame(0xa9fe0105, kPod, 17, 64),               // link-local
          Ipv4Frame(kPod + 9, kPod, 1, 63)};                 // ICMP from beyond a router
}

TEST_CASE("what neighbours tell each other says nothing of where audio comes from") {
  for (const Bytes& frame : NeighbourTalk()) {
    CHECK_FALSE(GlanceAtIp(frame).has_value());
  }
  CHECK(GlanceAtIp(Ipv6Frame("2001:db8::9", "2001:db8::1", 17, 64)).has_value());
  CHECK(GlanceAtIp(Ipv4Frame(0x0a000001, 0x0a000002, 6, 64)).has_value());
}

TEST_CASE("multicast, neighbour discovery and single odd packets do not hide that a veth is one") {
  const bool is_rtp = GENERATE(false, true);
  std::vector<Bytes> odd = NeighbourTalk();
  odd.push_back(Ipv4Frame(0x0a000001, 0x0a000002, 17, 1));   // as traceroute sends
  odd.push_back(Ipv4Frame(0x0a000063, 0x0a000002, 17, 64));  // another sender
  std::vector<CapturedPacket> packets;
  size_t taken = 0;
  for (const CapturedPacket& packet : AnyCapture({.is_rtp = is_rtp})) {
    packets.push_back(packet);
    // All of them at each interface of each node, both ways, one a tenth of a second.
    if (++taken % 40 == 0) {
      const Bytes& frame = odd[taken / 40 % odd.size()];
      for (const Place place : {kAtA, kAtB, kAtC}) {
        for (const uint32_t interface : {kVeth, kUplink}) {
          for (const Direction direction : {Direction::kIngress, Direction::kEgress}) {
            packets.push_back({.time_ns = packet.time_ns,
                               .place = place,
                               .direction = direction,
                               .frame = Cooked(true, direction, interface, frame)});
          }
        }
      }
    }
  }
  REQUIRE(taken / 40 >= odd.size());
  Setup setup(LinkLayer::kLinuxCookedV2);
  setup.Run(packets);
  const PathSnapshot path = setup.OnlyPath();
  CHECK(path.path == "ingress > processor > egress");
  REQUIRE(path.hops.size() == 3);
  // From veth to veth, not from the uplinks.
  CHECK(path.hops[0].delay.min_seconds == Approx(0.0003).epsilon(0.001));
  CHECK(path.hops[1].delay.max_seconds == Approx(0.04).epsilon(0.001));
  CHECK(path.hops[2].delay.max_seconds == Approx(0.0003).epsilon(0.001));
}

TEST_CASE("any on the loopback interface answers as a capture of that alone") {
  const bool is_v2 = GENERATE(true, false);
  Setup plain(LinkLayer::kEthernet);
  Setup cooked(is_v2 ? LinkLayer::kLinuxCookedV2 : LinkLayer::kLinuxCookedV1);
  std::vector<CapturedPacket> at_lo;
  for (const CapturedPacket& packet : CaptureCall({})) {
    // Each packet once, as libpcap keeps it: in.
    if (packet.place == kAtB) {
      at_lo.push_back(packet);
    }
  }
  plain.Run(at_lo);
  for (CapturedPacket& packet : at_lo) {
    packet.frame = Cooked(is_v2, Direction::kIngress, 1, packet.frame, kLoopbackHardware);
  }
  cooked.Run(at_lo);
  CHECK(cooked.OnlyPath().path == plain.OnlyPath().path);
  CHECK(cooked.OnlyPath().delay.count == plain.OnlyPath().delay.count);
  CHECK(cooked.OnlyPath().hops[1].delay.max_seconds == Approx(0.04).epsilon(0.001));
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

TEST_CASE("one packet in twenty may be odd, more may not") {
  RoleGuess guess;
  const IpGlance packet = Packet(1, 9, 64);
  const auto role = [&] {
    return guess.RoleOf(1, Direction::kIngress, packet.source, packet.destination);
  };
  for (int i = 0; i < 19; ++i) {
    guess.Note(1, Direction::kIngress, packet);
  }
  guess.Note(1, Direction::kIngress, Packet(1, 9, 1));
  CHECK(role() == InterfaceRole::kContainer);
  guess.Note(1, Direction::kIngress, Packet(2, 9, 64));
  CHECK(role() == InterfaceRole::kUplink);
}

TEST_CASE("a packet that was on its way when the capture began makes no sender the node's own") {
  RoleGuess guess;
  const IpGlance packet = Packet(1, 9, 64);
  const auto role_to_the_sender = [&] {
    return guess.RoleOf(kVeth, Direction::kEgress, packet.destination, packet.source);
  };
  // Bridged out, so that no router counted a hop.
  guess.Note(kUplink, Direction::kEgress, packet);
  for (int i = 0; i < 3; ++i) {
    guess.Note(kVeth, Direction::kIngress, packet);
    guess.Note(kUplink, Direction::kEgress, packet);
  }
  CHECK(role_to_the_sender() == InterfaceRole::kContainer);
  CHECK(guess.RoleOf(kVeth, Direction::kIngress, packet.source, packet.destination) ==
        InterfaceRole::kContainer);
  guess.Note(kUplink, Direction::kIngress, Packet(9, 1, 63));
  CHECK(guess.RoleOf(kUplink, Direction::kEgress, packet.source, packet.destination) ==
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
