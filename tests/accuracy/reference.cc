#include "tests/accuracy/reference.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "bpf/software/software_capture.h"
#include "tests/accuracy/frame.h"

namespace audio_latency::accuracy {
namespace {

const SocketAddress& Sender() {
  static const SocketAddress address = {*IpAddress::Parse("192.0.2.1"), 4000};
  return address;
}

const SocketAddress& Receiver() {
  static const SocketAddress address = {*IpAddress::Parse("192.0.2.2"), 5000};
  return address;
}

void Give(const std::string& frame, int64_t time_ns, SoftwareCapture* capture) {
  capture->Packet({reinterpret_cast<const uint8_t*>(frame.data()), frame.size()},
                  static_cast<uint64_t>(time_ns), 1, CAPTURE_DIRECTION_INGRESS, PacketForm{});
}

}  // namespace

Reference ReferenceOf(const Track& track, const capture_config& config) {
  Reference reference;
  if (track.is_opaque) {
    return reference;
  }
  const auto capture = SoftwareCapture::Create(config, 1, [&](const signature_event& event) {
    reference.windows.push_back(event.position);
    reference.windows_by_signature[event.signature].push_back(event.position);
  });
  constexpr size_t kSegmentBytes = 32'000;
  for (size_t at = 0; at < track.bytes.size(); at += kSegmentBytes) {
    Give(TcpFrame(Network::kPlain, Sender(), Receiver(), {.sequence = static_cast<uint32_t>(at)},
                  std::string_view(track.bytes).substr(at, kSegmentBytes)),
         1 + static_cast<int64_t>(at), capture.get());
  }
  std::sort(reference.windows.begin(), reference.windows.end());
  return reference;
}

std::vector<bool> SignedPackets(const Track& track, const StreamTruth& stream,
                                const capture_config& config) {
  // A source must prove itself before it is believed (RFC 3550 A.1).
  constexpr size_t kProvingPackets = 4;
  std::vector<bool> is_signed(stream.packets.size(), false);
  const auto capture = SoftwareCapture::Create(config, 1, [&](const signature_event& event) {
    if (event.kind == CAPTURE_SIGNATURE_RTP_PAYLOAD && (event.flags & CAPTURE_EVENT_SIGNED) != 0 &&
        event.position >= kProvingPackets) {
      is_signed[event.position - kProvingPackets] = true;
    }
  });
  for (size_t i = 0; i < kProvingPackets + is_signed.size(); ++i) {
    std::string packet("\x80", 1);
    packet.push_back(static_cast<char>(track.rtp_payload_type));
    AppendBigEndian(&packet, i, 2);
    AppendBigEndian(&packet, i * track.frame_rtp_units, 4);
    AppendBigEndian(&packet, 1, 4);
    if (i >= kProvingPackets) {
      if (const auto audio = stream.AudioOf(stream.packets[i - kProvingPackets])) {
        packet.append(track.bytes, audio->begin, audio->end - audio->begin);
      }
    }
    constexpr int64_t kPacketNs = 20'000'000;
    Give(UdpFrame(Network::kPlain, Sender(), Receiver(), packet),
         1 + static_cast<int64_t>(i) * kPacketNs, capture.get());
  }
  return is_signed;
}

}  // namespace audio_latency::accuracy
