// Datagrams that a sender leaves to segmentation offload (UDP_SEGMENT) pass as one packet: the
// probe sees each of them.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/bpf/support/frame_builder.h"
#include "tests/lab/devices/watched_interface.h"
#include "tests/lab/lab_test.h"

namespace audio_latency::lab {
namespace {

using testing::Bytes;

constexpr uint16_t kRtpPort = 5004;
constexpr size_t kPayloadBytes = 160;
constexpr uint16_t kPackets = 200;
constexpr uint16_t kTogether = 20;

PortSet Ports() {
  PortSet ports;
  ports.Add(kRtpPort);
  return ports;
}

sockaddr_in AddressOf(const std::string& text, uint16_t port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  inet_pton(AF_INET, text.c_str(), &address.sin_addr);
  return address;
}

absl::Status Connect(const FileDescriptor& sender) {
  // The same 5-tuple each time.
  const sockaddr_in from = AddressOf("10.9.0.1", 7000);
  const sockaddr_in to = AddressOf("10.9.0.2", kRtpPort);
  if (bind(sender.get(), reinterpret_cast<const sockaddr*>(&from), sizeof(from)) != 0 ||
      connect(sender.get(), reinterpret_cast<const sockaddr*>(&to), sizeof(to)) != 0) {
    return absl::ErrnoToStatus(errno, "no RTP socket");
  }
  return absl::OkStatus();
}

// G.711 speech; each send hands over `together` packets.
absl::Status SendRtp(uint16_t together) {
  const Bytes audio = testing::MuLaw(testing::Speech(2 * kPackets * kPayloadBytes, 3));
  const FileDescriptor sender(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  RETURN_IF_ERROR(Connect(sender));
  for (uint16_t first = 0; first < kPackets; first += together) {
    Bytes all;
    int packet_bytes = 0;
    for (uint16_t i = first; i < first + together; ++i) {
      const Bytes packet =
          testing::RtpPacket({&audio[i * kPayloadBytes], kPayloadBytes}, {.sequence = i});
      packet_bytes = static_cast<int>(packet.size());
      all.insert(all.end(), packet.begin(), packet.end());
    }
    if (together > 1 && setsockopt(sender.get(), IPPROTO_UDP, UDP_SEGMENT, &packet_bytes,
                                   sizeof(packet_bytes)) != 0) {
      return absl::ErrnoToStatus(errno, "no UDP_SEGMENT");
    }
    if (send(sender.get(), all.data(), all.size(), 0) != static_cast<ssize_t>(all.size())) {
      return absl::ErrnoToStatus(errno, "RTP could not be sent");
    }
  }
  return absl::OkStatus();
}

// What an end of a pair of veths sees of it.
SeenEvents Seen(const std::string& interface_name, uint16_t together) {
  const NetworkNamespace network = Require(NetworkNamespace::Create());
  Require(
      network.Configure("link add near type veth peer name far\n"
                        "addr add 10.9.0.1/24 dev near\n"
                        "link set far up\n"
                        "link set near up\n"
                        "neigh add 10.9.0.2 lladdr 02:00:00:00:00:02 dev near\n"));
  auto watched =
      Require(WatchedInterface::Start(network, interface_name, probe::TcAttach::kAuto, Ports()));
  Require(network.RunInside([&] { return SendRtp(together); }));
  return Require(watched->Finish());
}

TEST_CASE("each datagram of a segmented packet is seen, out of a host and into one") {
  const std::string interface_name = GENERATE("near", "far");
  const SeenEvents one_by_one = Seen(interface_name, 1);
  const SeenEvents together = Seen(interface_name, kTogether);
  // Fewer packets passed: they did so together.
  CHECK(one_by_one.counters[CAPTURE_COUNTER_PACKETS] >= kPackets);
  CHECK(together.counters[CAPTURE_COUNTER_PACKETS] <= kPackets / 2);
  const auto packets = std::count_if(
      together.kernel.begin(), together.kernel.end(),
      [](const signature_event& event) { return event.kind == CAPTURE_SIGNATURE_RTP_PAYLOAD; });
  // The first only shows that the second follows it.
  CHECK(packets == kPackets - 1);
  CAPTURE(interface_name);
  CHECK(AreSame(together.kernel, one_by_one.kernel));
}

}  // namespace
}  // namespace audio_latency::lab
