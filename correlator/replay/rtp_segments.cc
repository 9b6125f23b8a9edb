#include "correlator/replay/rtp_segments.h"

#include <algorithm>

#include "correlator/replay/ethernet.h"

namespace audio_latency::correlator {
namespace {

using Bytes = std::span<const uint8_t>;

constexpr uint8_t kUdp = 17;
constexpr size_t kUdpHeaderBytes = 8;
constexpr size_t kIpv4LeastHeaderBytes = 20;
constexpr size_t kIpv6HeaderBytes = 40;
constexpr size_t kRtpHeaderBytes = 12;
constexpr size_t kSequenceOffset = 2;
constexpr size_t kSsrcOffset = 8;
constexpr size_t kSsrcBytes = 4;
constexpr uint8_t kPayloadTypeMask = 0x7f;

// What was captured of an IP packet's UDP payload; empty when there is none.
Bytes UdpPayload(const EthernetPayload& ip) {
  Bytes udp;
  if (ip.ethertype == kEthertypeIpv4 && ip.bytes.size() >= kIpv4LeastHeaderBytes &&
      ip.bytes[9] == kUdp) {
    const size_t header_bytes = size_t{4} * (ip.bytes[0] & 0xf);
    udp = ip.bytes.subspan(std::min(header_bytes, ip.bytes.size()));
  } else if (ip.ethertype == kEthertypeIpv6 && ip.bytes.size() >= kIpv6HeaderBytes &&
             ip.bytes[6] == kUdp) {
    udp = ip.bytes.subspan(kIpv6HeaderBytes);
  }
  if (udp.size() < kUdpHeaderBytes) {
    return {};
  }
  // Ethernet pads short frames.
  const size_t bytes = std::min<size_t>(udp.size(), BigEndian16(udp.subspan(4)));
  return bytes < kUdpHeaderBytes ? Bytes() : udp.first(bytes).subspan(kUdpHeaderBytes);
}

bool IsRtp(Bytes bytes) { return bytes.size() >= kRtpHeaderBytes && bytes[0] >> 6 == 2; }

bool IsNext(Bytes first, Bytes second) {
  const auto sequence = [](Bytes packet) { return BigEndian16(packet.subspan(kSequenceOffset)); };
  return IsRtp(second) && (first[1] & kPayloadTypeMask) == (second[1] & kPayloadTypeMask) &&
         static_cast<uint16_t>(sequence(first) + 1) == sequence(second);
}

}  // namespace

uint32_t RtpSegmentBytes(Bytes ethernet) {
  const Bytes payload = UdpPayload(PayloadOf(ethernet));
  if (!IsRtp(payload)) {
    return 0;
  }
  const Bytes ssrc = payload.subspan(kSsrcOffset, kSsrcBytes);
  auto from = payload.begin() + kRtpHeaderBytes + kSsrcOffset;
  while (from < payload.end()) {
    const auto found = std::search(from, payload.end(), ssrc.begin(), ssrc.end());
    if (found == payload.end()) {
      return 0;
    }
    from = found + 1;
    const auto segment_bytes = static_cast<size_t>(found - payload.begin()) - kSsrcOffset;
    if (!IsNext(payload, payload.subspan(segment_bytes))) {
      continue;
    }
    size_t at = segment_bytes;
    while (at < payload.size() && IsRtp(payload.subspan(at))) {
      at += segment_bytes;
    }
    if (at >= payload.size()) {
      return static_cast<uint32_t>(segment_bytes);
    }
  }
  return 0;
}

}  // namespace audio_latency::correlator
