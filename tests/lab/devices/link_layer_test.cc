// Devices without Ethernet header: found as such, watched with the right programs, and seen right.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <string>
#include <vector>

#include "probe/capture/capture_program.h"
#include "probe/capture/interface_watcher.h"
#include "tests/bpf/support/frame_builder.h"
#include "tests/lab/devices/tun_device.h"
#include "tests/lab/devices/watched_interface.h"
#include "tests/lab/lab_test.h"
#include "tests/support/eventually.h"
#include "tests/support/recording_logger.h"

namespace audio_latency::lab {
namespace {

using testing::Eventually;
using testing::RecordingLogger;

using testing::Bytes;

constexpr uint16_t kTcpPort = 9000;
constexpr uint16_t kRtpPort = 5004;
// ARPHRD_* of <linux/if_arp.h>, which does not go with the C library's headers.
constexpr uint16_t kCan = 280;
constexpr uint16_t kNone = 0xfffe;
constexpr std::ptrdiff_t kEthernetBytes = 14;

PortSet Ports() {
  PortSet ports;
  ports.Add(kTcpPort);
  ports.Add(kRtpPort);
  return ports;
}

Bytes IpPacket(const Bytes& frame) { return {frame.begin() + kEthernetBytes, frame.end()}; }

// Lets the kernel receive a stream of TCP and one of RTP.
void ReceiveStreams(const TunDevice& device, bool ipv6) {
  const Bytes speech = testing::Speech(40000, 1);
  for (uint16_t i = 0; i < 50; ++i) {
    const std::span<const uint8_t> part(&speech[i * 640UL], 640);
    Require(device.Write(IpPacket(testing::TcpFrame(
        part, {.ipv6 = ipv6, .destination_port = kTcpPort, .sequence = i * 640U}))));
    Require(device.Write(
        IpPacket(testing::UdpFrame(testing::RtpPacket(part, {.payload_type = 96, .sequence = i}),
                                   {.ipv6 = ipv6, .destination_port = kRtpPort}))));
  }
}

// RTP by an ordinary socket, routed into the device.
void SendRtp(const NetworkNamespace& network, const std::string& destination) {
  Require(network.RunInside([&] {
    const Bytes speech = testing::Speech(40000, 2);
    const FileDescriptor sender(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_in to = {};
    to.sin_family = AF_INET;
    to.sin_port = htons(kRtpPort);
    inet_pton(AF_INET, destination.c_str(), &to.sin_addr);
    for (uint16_t i = 0; i < 50; ++i) {
      const Bytes packet =
          testing::RtpPacket({&speech[i * 640UL], 640}, {.payload_type = 96, .sequence = i});
      sendto(sender.get(), packet.data(), packet.size(), 0, reinterpret_cast<const sockaddr*>(&to),
             sizeof(to));
    }
    return absl::OkStatus();
  }));
}

TEST_CASE("a tun device is watched by its IP headers, with tcx and with clsact") {
  const probe::TcAttach attach = GENERATE(probe::TcAttach::kTcx, probe::TcAttach::kClsact);
  const NetworkNamespace network = Require(NetworkNamespace::Create());
  absl::StatusOr<TunDevice> created = absl::InternalError("not run");
  Require(network.RunInside([&] {
    created = TunDevice::Create("tun0", TunMode::kTun);
    return created.status();
  }));
  const TunDevice device = Require(std::move(created));
  Require(network.Configure("addr add 10.9.0.1/24 dev tun0\nlink set tun0 up\n"));
  auto watched = Require(WatchedInterface::Start(network, "tun0", attach, Ports()));
  ReceiveStreams(device, false);
  ReceiveStreams(device, true);
  SendRtp(network, "10.9.0.2");
  const SeenEvents seen = Require(watched->Finish());

  CHECK(AreSame(seen.kernel, seen.software));
  size_t sent = 0;
  size_t received_ipv4 = 0;
  size_t received_ipv6 = 0;
  for (const signature_event& event : seen.kernel) {
    const bool is_ipv6 = event.source_address[0] == 0xfd;
    sent += event.direction == CAPTURE_DIRECTION_EGRESS;
    received_ipv4 += event.direction == CAPTURE_DIRECTION_INGRESS && !is_ipv6;
    received_ipv6 += event.direction == CAPTURE_DIRECTION_INGRESS && is_ipv6;
  }
  CHECK(sent >= 49);
  CHECK(received_ipv4 > 90);
  CHECK(received_ipv6 == received_ipv4);
  CHECK(seen.counters[CAPTURE_COUNTER_NOT_IP] == 0);
}

TEST_CASE("a device of an unknown kind is left alone, said so, and taken when it changes") {
  const NetworkNamespace network = Require(NetworkNamespace::Create());
  RecordingLogger logger;
  probe::InterfaceDirectory directory;
  const auto program = Require(probe::CaptureProgram::Load(probe::ProbeConfig{}));
  Require(network.RunInside([&]() -> absl::Status {
    ASSIGN_OR_RETURN(const TunDevice device, TunDevice::Create("tun0", TunMode::kTun));
    RETURN_IF_ERROR(device.SetHardwareType(kCan));
    ASSIGN_OR_RETURN(auto monitor, probe::LinkMonitor::Open());
    ASSIGN_OR_RETURN(auto attacher, probe::MakeAttacher(probe::TcAttach::kAuto,
                                                        probe::TcxOrder::kHead, program.get()));
    ASSIGN_OR_RETURN(const auto watcher, probe::InterfaceWatcher::Start(
                                             {probe::InterfaceRule({"tun*"}), std::move(monitor),
                                              std::move(attacher), &directory, &logger}));
    CHECK(directory.size() == 0);
    CHECK(directory.Refused() ==
          std::vector<probe::RefusedInterface>{{"tun0", "unknown_link_layer"}});
    CHECK_THAT(logger.Text(), Catch::Contains("interface_refused: Not watching tun0") &&
                                  Catch::Contains("hardware type 280"));

    RETURN_IF_ERROR(device.SetHardwareType(kNone));
    RETURN_IF_ERROR(network.Configure("link set tun0 up\n"));
    CHECK(Eventually([&] { return directory.size() == 1 && directory.Refused().empty(); }));

    // Back again: detached.
    RETURN_IF_ERROR(network.Configure("link set tun0 down\n"));
    RETURN_IF_ERROR(device.SetHardwareType(kCan));
    RETURN_IF_ERROR(network.Configure("link set tun0 up\n"));
    CHECK(Eventually([&] { return directory.size() == 0 && directory.Refused().size() == 1; }));
    watcher->Stop();
    return absl::OkStatus();
  }));
}

}  // namespace
}  // namespace audio_latency::lab
