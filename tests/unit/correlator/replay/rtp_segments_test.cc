#include "correlator/replay/rtp_segments.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <vector>

#include "correlator/replay/replay.h"
#include "tests/bpf/support/frame_builder.h"
#include "tests/unit/correlator/replay/captured_call.h"

namespace audio_latency::correlator {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)
using audio_latency::testing::Bytes;
using audio_latency::testing::RtpOptions;

constexpr size_t kAudioBytes = 160;
constexpr size_t kSegmentBytes = kAudioBytes + 12;

// Consecutive RTP packets of mu-law speech.
std::vector<Bytes> Packets(size_t count, uint16_t first_sequence = 65'530) {
  const Bytes audio =
      audio_latency::testing::MuLaw(audio_latency::testing::Speech(2 * count * kAudioBytes, 3));
  std::vector<Bytes> packets;
  RtpOptions options{.marker = true, .sequence = first_sequence};
  for (size_t i = 0; i < count; ++i) {
    packets.push_back(audio_latency::testing::RtpPacket(
        std::span(audio).subspan(i * kAudioBytes, kAudioBytes), options));
    options.marker = false;
    ++options.sequence;
    options.timestamp += kAudioBytes;
  }
  return packets;
}

Bytes Joined(const std::vector<Bytes>& packets) {
  Bytes joined;
  for (const Bytes& packet : packets) {
    joined.insert(joined.end(), packet.begin(), packet.end());
  }
  return joined;
}

uint32_t SegmentBytes(const Bytes& payload) {
  return RtpSegmentBytes(audio_latency::testing::UdpFrame(payload));
}

struct Signatures final : ReplayTap {
  void OnEvent(const ReplayEvent& event) override { all.push_back(event.event.signature); }
  void OnMatch(const Match& /*match*/) override {}
  std::vector<uint64_t> all;
};

TEST_CASE("the size of a segment is where RTP's header recurs") {
  const std::vector<Bytes> packets = Packets(40);
  CHECK(SegmentBytes(Joined(packets)) == kSegmentBytes);
  CHECK(SegmentBytes(Joined({packets[0], packets[1]})) == kSegmentBytes);
  // The last one may be shorter.
  CHECK(SegmentBytes(
            Joined({packets[0], packets[1], Bytes(packets[2].begin(), packets[2].begin() + 50)})) ==
        kSegmentBytes);
  // No address but of a larger packet: the SSRC in the audio.
  Bytes with_ssrc = packets[0];
  std::copy_n(with_ssrc.begin() + 8, 4, with_ssrc.begin() + 60);
  CHECK(SegmentBytes(Joined({with_ssrc, packets[1]})) == kSegmentBytes);
}

TEST_CASE("what is one datagram stays one") {
  const std::vector<Bytes> packets = Packets(4);
  CHECK(SegmentBytes(packets[0]) == 0);
  CHECK(SegmentBytes(Joined({packets[0], packets[2]})) == 0);
  CHECK(SegmentBytes(Joined({packets[0], packets[1], Bytes(90)})) == 0);
  CHECK(SegmentBytes(audio_latency::testing::RandomBytes(9000, 4)) == 0);
  CHECK(SegmentBytes({}) == 0);
  CHECK(RtpSegmentBytes(audio_latency::testing::TcpFrame(Joined(packets))) == 0);
  const Bytes frame = audio_latency::testing::UdpFrame(Joined(packets));
  for (size_t bytes = 0; bytes < 14 + 20 + 8 + kSegmentBytes + 12; ++bytes) {
    CHECK(RtpSegmentBytes(std::span(frame).first(bytes)) == 0);
  }
}

TEST_CASE("RTP in a datagram of segmentation offload is signed as if each had come alone") {
  constexpr size_t kPackets = 200;
  constexpr size_t kTogether = 40;
  const std::vector<Bytes> packets = Packets(kPackets);
  std::vector<Bytes> alone;
  std::vector<Bytes> together;
  for (size_t i = 0; i < kPackets; ++i) {
    alone.push_back(audio_latency::testing::UdpFrame(packets[i]));
    if (i % kTogether == 0) {
      const auto first = packets.begin() + static_cast<std::ptrdiff_t>(i);
      together.push_back(audio_latency::testing::UdpFrame(Joined({first, first + kTogether})));
    }
  }
  REQUIRE(together.front().size() > 1500);
  const auto sign = [](const std::vector<Bytes>& frames, uint64_t* segmented_packets) {
    const CallNames names;
    Signatures signatures;
    const auto replay = Replay::Create({}, names, &signatures);
    REQUIRE(replay.ok());
    const auto point = (*replay)->AddPoint({.node = "a", .interface_name = "eth0"});
    REQUIRE(point.ok());
    int64_t time_ns = kCallBeginNs;
    for (const Bytes& frame : frames) {
      (*replay)->Packet(*point, time_ns += kMillisecondNs, frame,
                        static_cast<uint32_t>(frame.size()), Direction::kUnknown);
    }
    (*replay)->Finish();
    *segmented_packets = (*replay)->counters().segmented_packets;
    return signatures.all;
  };
  uint64_t segmented_packets = 0;
  const std::vector<uint64_t> expected = sign(alone, &segmented_packets);
  CHECK(segmented_packets == 0);
  REQUIRE(expected.size() > 50);
  CHECK(sign(together, &segmented_packets) == expected);
  CHECK(segmented_packets == kPackets / kTogether);
}

}  // namespace
}  // namespace audio_latency::correlator
