// RTP as senders and relays write it: one stream of payloads in two flows, whose headers have
// nothing in common. Both must give the same signatures, and the fields that were written.
//
// Input: a configuration, both flows' first sequence numbers, then per packet: flags, lengths of
// what the header carries, payload. Some packets are sent with bytes of their header turned over:
// of these nothing is expected but that they do no harm.

#include <vector>

#include "tests/bpf/support/frame_builder.h"
#include "tests/fuzz/capture_fixture.h"
#include "tests/fuzz/check.h"
#include "tests/fuzz/input.h"

namespace audio_latency::fuzz {
namespace {

using testing::Bytes;
using testing::FrameOptions;
using testing::RtpOptions;

constexpr uint8_t kFirstDynamicPayloadType = 96;
constexpr size_t kMostPayloadBytes = 1200;

// The one event that each accepted packet has.
const signature_event* PacketEvent(std::span<const signature_event> events) {
  const signature_event* found = nullptr;
  for (const signature_event& event : events) {
    if (event.kind == CAPTURE_SIGNATURE_RTP_PAYLOAD) {
      FUZZ_CHECK(found == nullptr);
      found = &event;
    }
  }
  return found;
}

void CheckFields(const signature_event& event, const RtpOptions& rtp, size_t payload_bytes) {
  FUZZ_CHECK(event.rtp_ssrc == rtp.ssrc);
  FUZZ_CHECK(event.position == rtp.sequence);
  FUZZ_CHECK(event.rtp_timestamp == rtp.timestamp);
  FUZZ_CHECK(event.rtp_payload_type == rtp.payload_type);
  FUZZ_CHECK(((event.flags & CAPTURE_EVENT_RTP_MARKER) != 0) == rtp.marker);
  FUZZ_CHECK(event.payload_bytes == payload_bytes);
}

void Run(Input input) {
  const capture_config config = TakeConfig(&input);
  RtpOptions plain;
  plain.ssrc = input.Long();
  plain.sequence = input.Word();
  plain.payload_type = input.Byte() % 2 == 0 ? 0 : kFirstDynamicPayloadType;
  RtpOptions rewritten = plain;
  rewritten.ssrc = plain.ssrc + 1;
  rewritten.sequence = input.Word();
  FrameOptions plain_frame;
  FrameOptions rewritten_frame;
  rewritten_frame.ipv6 = true;
  rewritten_frame.source_port = 5004;

  CaptureFixture capture(config);
  for (size_t count = 0; !input.empty(); ++count) {
    const uint8_t flags = input.Byte();
    const size_t length = input.Word() % kMostPayloadBytes;
    rewritten.csrcs.assign(flags & 0x0f, 0xabcdef01);
    rewritten.extension.assign((flags >> 4) & 3, 0x01020304);
    rewritten.padding_bytes = (flags & 0x40) != 0 ? static_cast<uint8_t>(1 + length % 255) : 0;
    plain.marker = (flags & 0x80) != 0;
    rewritten.marker = !plain.marker;
    const std::span<const uint8_t> payload = input.Bytes(length);

    const Bytes packet = testing::RtpPacket(payload, plain);
    const auto of_plain = capture.Packet(testing::UdpFrame(packet, plain_frame));
    const signature_event* const first = PacketEvent(of_plain);
    const signature_event first_copy = first != nullptr ? *first : signature_event{};
    const auto of_rewritten =
        capture.Packet(testing::UdpFrame(testing::RtpPacket(payload, rewritten), rewritten_frame));
    const signature_event* const second = PacketEvent(of_rewritten);
    // Both sources advance in step: the first packet alone is on probation.
    FUZZ_CHECK((first != nullptr || count == 0) && (second != nullptr || count == 0));
    if (first != nullptr && second != nullptr) {
      CheckFields(first_copy, plain, payload.size());
      CheckFields(*second, rewritten, payload.size());
      FUZZ_CHECK(first_copy.signature == second->signature);
      FUZZ_CHECK(first_copy.level == second->level);
    }
    if ((flags & 0x30) == 0x30) {
      // On a flow of its own, so that it cannot disturb the two.
      FrameOptions hostile_frame;
      hostile_frame.destination_port = 12345;
      Bytes hostile = testing::RtpPacket(payload, rewritten);
      for (size_t i = 0; i < std::min<size_t>(hostile.size(), 24); ++i) {
        hostile[i] = static_cast<uint8_t>(hostile[i] ^ input.Byte());
      }
      capture.Packet(testing::UdpFrame(hostile, hostile_frame));
    }
    ++plain.sequence;
    ++rewritten.sequence;
    plain.timestamp += static_cast<uint32_t>(length);
    rewritten.timestamp += static_cast<uint32_t>(length);
  }
}

}  // namespace
}  // namespace audio_latency::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  audio_latency::fuzz::Run(audio_latency::fuzz::Input(data, size));
  return 0;
}
