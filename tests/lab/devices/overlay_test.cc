// A probe on the underlay's interface sees the flows within the overlay: real devices, real
// sockets.

#include <arpa/inet.h>
#include <fmt/format.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sched.h>
#include <sys/socket.h>

#include <memory>
#include <set>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "tests/bpf/support/frame_builder.h"
#include "tests/bpf/support/tunnel_builder.h"
#include "tests/lab/audio/socket.h"
#include "tests/lab/devices/overlay_device.h"
#include "tests/lab/devices/watched_interface.h"
#include "tests/lab/errno_status.h"
#include "tests/lab/lab_test.h"

namespace audio_latency::lab {
namespace {

using testing::Bytes;

constexpr uint16_t kTcpPort = 9000;
constexpr uint16_t kRtpPort = 5004;
constexpr size_t kStreamBytes = 400000;
constexpr int kRtpPackets = 100;

PortSet Ports() {
  PortSet ports;
  ports.Add(kTcpPort);
  ports.Add(kRtpPort);
  return ports;
}

// Packets of two CPUs overtake each other, differently before the programs and before the tap.
void UseOneCpu() {
  cpu_set_t first;
  CPU_ZERO(&first);
  CPU_SET(0, &first);
  REQUIRE(sched_setaffinity(0, sizeof(first), &first) == 0);
}

// Two nodes, eth0 to eth0.
struct Underlay {
  Underlay() : a(Require(NetworkNamespace::Create())), b(Require(NetworkNamespace::Create())) {
    UseOneCpu();
    Require(
        a.Configure(fmt::format("link add eth0 type veth peer name eth0 netns {}\n", b.path())));
    for (const NetworkNamespace* node : {&a, &b}) {
      const int number = node == &a ? 1 : 2;
      Require(
          node->Configure(fmt::format("addr add 10.0.0.{0}/24 dev eth0\n"
                                      "addr add fd00::{0}/64 dev eth0 nodad\n"
                                      "link set eth0 mtu 9000\n"
                                      "link set eth0 up\n",
                                      number)));
    }
  }

  NetworkNamespace a;
  NetworkNamespace b;
};

std::unique_ptr<OverlayDevice> MakeOverlay(const NetworkNamespace& network, OverlayKind kind,
                                           bool outer_ipv6, int self, int other) {
  const auto node = [&](int number) {
    return fmt::format("{}{}", outer_ipv6 ? "fd00::" : "10.0.0.", number);
  };
  return Require(OverlayDevice::Create(network, {.kind = kind,
                                                 .local_address = node(self),
                                                 .remote_address = node(other),
                                                 .address = fmt::format("10.99.0.{}", self),
                                                 .address_ipv6 = fmt::format("fd99::{}", self)}));
}

// Speech by TCP and by RTP from a to b, to the end.
void Talk(const Underlay& underlay, const std::string& host) {
  const Bytes speech = testing::Speech(kStreamBytes, 1);
  FileDescriptor listener;
  FileDescriptor receiver;
  Require(underlay.b.RunInside([&]() -> absl::Status {
    ASSIGN_OR_RETURN(listener, ListenTcp(kTcpPort));
    ASSIGN_OR_RETURN(receiver, BindUdp(kRtpPort));
    const int room_bytes = 8 << 20;
    setsockopt(receiver.get(), SOL_SOCKET, SO_RCVBUFFORCE, &room_bytes, sizeof(room_bytes));
    return absl::OkStatus();
  }));
  size_t received = 0;
  int datagrams = 0;
  std::thread sink([&] {
    const auto connection = AcceptTcp(listener);
    for (bool more = connection.ok(); more;) {
      const auto arrival = Receive(*connection);
      more = arrival.ok() && !arrival->bytes.empty();
      received += more ? arrival->bytes.size() : 0;
    }
    const timeval patience = {.tv_sec = 2, .tv_usec = 0};
    setsockopt(receiver.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    while (datagrams < kRtpPackets && Receive(receiver).ok()) {
      ++datagrams;
    }
  });
  const absl::Status sent = underlay.a.RunInside([&]() -> absl::Status {
    ASSIGN_OR_RETURN(FileDescriptor connection, ConnectTcp(fmt::format("{}:{}", host, kTcpPort)));
    RETURN_IF_ERROR(
        SendAll(connection, reinterpret_cast<const char*>(speech.data()), speech.size()));
    connection.Close();
    ASSIGN_OR_RETURN(const sockaddr_in6 to,
                     ParseSocketAddress(fmt::format("{}:{}", host, kRtpPort)));
    ASSIGN_OR_RETURN(const FileDescriptor sender, BindUdp(0));
    for (uint16_t i = 0; i < kRtpPackets; ++i) {
      const Bytes packet =
          testing::RtpPacket({&speech[i * 640UL], 640}, {.payload_type = 96, .sequence = i});
      if (sendto(sender.get(), packet.data(), packet.size(), 0,
                 reinterpret_cast<const sockaddr*>(&to), sizeof(to)) < 0) {
        return ErrnoStatus("sendto");
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return absl::OkStatus();
  });
  if (!sent.ok()) {
    shutdown(listener.get(), SHUT_RDWR);
  }
  sink.join();
  Require(sent);
  CHECK(received == kStreamBytes);
  CHECK(datagrams == kRtpPackets);
}

// What an event says of the audio, wherever it was seen.
using Piece = std::tuple<uint64_t, uint32_t, uint8_t, uint16_t, uint16_t, Bytes, Bytes>;

std::set<Piece> Pieces(const std::vector<signature_event>& events, capture_direction direction) {
  std::set<Piece> pieces;
  for (const signature_event& event : events) {
    if (event.direction == direction) {
      pieces.emplace(event.signature, event.position, event.kind, event.source_port,
                     event.destination_port, Bytes(event.source_address, event.source_address + 16),
                     Bytes(event.destination_address, event.destination_address + 16));
    }
  }
  return pieces;
}

// A failed test prints what it compares: not thousands of pieces.
bool IsSame(const std::set<Piece>& one, const std::set<Piece>& other) { return one == other; }

// True for 10.99.0.1 -> 10.99.0.2 and fd99::1 -> fd99::2.
bool IsWithinOverlay(const Piece& piece) {
  const auto& [signature, position, kind, from_port, to_port, source, destination] = piece;
  const bool is_ipv6 = source[0] == 0xfd;
  return source[is_ipv6 ? 1 : 13] == (is_ipv6 ? 0x99 : 99) && source[15] == 1 &&
         destination[15] == 2;
}

TEST_CASE("the flows of an overlay are seen on the underlay, as on the overlay's own device") {
  const auto [kind, outer_ipv6] =
      GENERATE(table<OverlayKind, bool>({{OverlayKind::kVxlan, false},
                                         {OverlayKind::kVxlan, true},
                                         {OverlayKind::kVxlanOfFlannel, false},
                                         {OverlayKind::kGeneve, false},
                                         {OverlayKind::kGeneve, true},
                                         {OverlayKind::kIpip, false},
                                         {OverlayKind::kIpInIp, false},
                                         {OverlayKind::kIpInIp, true},
                                         {OverlayKind::kVlan, false}}));
  const Underlay underlay;
  const auto overlay_a = MakeOverlay(underlay.a, kind, outer_ipv6, 1, 2);
  const auto overlay_b = MakeOverlay(underlay.b, kind, outer_ipv6, 2, 1);
  INFO(OverlayKindName(kind) << " over " << (outer_ipv6 ? "IPv6" : "IPv4") << ", device of "
                             << (overlay_a->is_kernels() ? "the kernel" : "user space"));
  const auto watch = [](const NetworkNamespace& network, const std::string& name) {
    return Require(WatchedInterface::Start(network, name, probe::TcAttach::kAuto, Ports()));
  };
  const auto underlay_a = watch(underlay.a, "eth0");
  const auto underlay_b = watch(underlay.b, "eth0");
  const auto device_a = watch(underlay.a, OverlayDevice::kName);
  const auto device_b = watch(underlay.b, OverlayDevice::kName);
  Talk(underlay, "10.99.0.2");
  if (kind != OverlayKind::kIpip) {
    Talk(underlay, "[fd99::2]");
  }
  const SeenEvents left_a = Require(underlay_a->Finish());
  const SeenEvents reached_b = Require(underlay_b->Finish());
  const SeenEvents entered_a = Require(device_a->Finish());
  const SeenEvents left_b = Require(device_b->Finish());

  for (const SeenEvents* seen : {&left_a, &reached_b, &entered_a, &left_b}) {
    CHECK(AreSame(seen->kernel, seen->software));
    CHECK(seen->counters[CAPTURE_COUNTER_LOAD_FAILED] == 0);
    CHECK(seen->counters[CAPTURE_COUNTER_MALFORMED] == 0);
  }
  const std::set<Piece> pieces = Pieces(entered_a.kernel, CAPTURE_DIRECTION_EGRESS);
  CHECK(pieces.size() > (kind == OverlayKind::kIpip ? 500 : 1000));
  CHECK(std::all_of(pieces.begin(), pieces.end(), IsWithinOverlay));
  CHECK(IsSame(Pieces(left_a.kernel, CAPTURE_DIRECTION_EGRESS), pieces));
  CHECK(IsSame(Pieces(reached_b.kernel, CAPTURE_DIRECTION_INGRESS), pieces));
  CHECK(IsSame(Pieces(left_b.kernel, CAPTURE_DIRECTION_INGRESS), pieces));
}

// struct virtio_net_hdr, whose header is not C++.
struct OffloadHeader {
  uint8_t flags = 0;
  uint8_t segmentation = 0;
  uint16_t header_bytes = 0;
  uint16_t segment_bytes = 0;
  uint16_t checksum_start = 0;
  uint16_t checksum_offset = 0;
};

// Sends a frame whose first `linear_bytes` only lie in the packet's linear part.
absl::Status SendNonLinear(const Bytes& frame, uint16_t linear_bytes) {
  const FileDescriptor sender(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
  const int on = 1;
  setsockopt(sender.get(), SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on));
  sockaddr_ll to = {};
  to.sll_family = AF_PACKET;
  to.sll_protocol = htons(ETH_P_ALL);
  to.sll_ifindex = static_cast<int>(if_nametoindex("eth0"));
  OffloadHeader offload;
  offload.header_bytes = linear_bytes;
  Bytes message(sizeof(offload));
  std::memcpy(message.data(), &offload, sizeof(offload));
  message.insert(message.end(), frame.begin(), frame.end());
  return sendto(sender.get(), message.data(), message.size(), 0,
                reinterpret_cast<const sockaddr*>(&to),
                sizeof(to)) == static_cast<ssize_t>(message.size())
             ? absl::OkStatus()
             : ErrnoStatus("cannot send a frame");
}

TEST_CASE("headers outside of the linear part of a packet are found in every form") {
  const Underlay underlay;
  const auto out =
      Require(WatchedInterface::Start(underlay.a, "eth0", probe::TcAttach::kAuto, Ports()));
  const auto in =
      Require(WatchedInterface::Start(underlay.b, "eth0", probe::TcAttach::kAuto, Ports()));
  // More than a page, or the kernel would not split it.
  constexpr size_t kPayloadBytes = 6000;
  const Bytes speech = testing::Speech(100000, 4);
  std::vector<Bytes> frames;
  uint8_t host = 10;
  for (const testing::Tunnel& tunnel : testing::Tunnels()) {
    for (const bool ipv6 : {false, true}) {
      testing::FrameOptions inner;
      inner.ipv6 = ipv6;
      inner.source_host = ++host;
      inner.destination_port = kTcpPort;
      const Bytes frame = testing::TcpFrame({speech.data(), kPayloadBytes}, inner);
      frames.push_back(testing::TunnelFrame(tunnel, frame, {.ipv6 = !ipv6}));
      // No valid tunnel, but RTP: its headers must have been seen before that is said.
      if (tunnel.port != 0) {
        for (uint16_t i = 0; i < 4; ++i) {
          Bytes rtp = testing::RtpPacket({speech.data(), 2000},
                                         {.payload_type = 96, .sequence = i, .ssrc = host});
          // Padding behind it makes it long enough.
          frames.push_back(testing::UdpFrame(rtp, {.ipv6 = ipv6,
                                                   .source_port = kRtpPort,
                                                   .destination_port = tunnel.port,
                                                   .trailing_bytes = 4000}));
        }
      }
    }
  }
  for (const uint16_t linear_bytes : {uint16_t{14}, uint16_t{40}, uint16_t{90}}) {
    Require(underlay.a.RunInside([&]() -> absl::Status {
      for (const Bytes& frame : frames) {
        RETURN_IF_ERROR(SendNonLinear(frame, linear_bytes));
      }
      return absl::OkStatus();
    }));
  }
  const SeenEvents sent = Require(out->Finish());
  const SeenEvents received = Require(in->Finish());
  CHECK(sent.kernel.size() > 14 * 15);
  CHECK(AreSame(sent.kernel, sent.software));
  CHECK(AreSame(received.kernel, received.software));
  CHECK(IsSame(Pieces(sent.kernel, CAPTURE_DIRECTION_EGRESS),
               Pieces(received.kernel, CAPTURE_DIRECTION_INGRESS)));
  CHECK(sent.counters[CAPTURE_COUNTER_MALFORMED] == 0);
  CHECK(sent.counters[CAPTURE_COUNTER_LOAD_FAILED] == 0);
}

}  // namespace
}  // namespace audio_latency::lab
