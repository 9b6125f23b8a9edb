// RTP as senders and relays write it: one stream of payloads in two flows, whose headers have
// nothing in common, and in a third that puts two payloads into one packet. All must give the same
// signatures, those that a second, plain implementation signs, and the fields that were written.
//
// Input: a configuration, both flows' first sequence numbers, then per packet: flags, lengths of
// what the header carries, payload. Some packets are sent with bytes of their header turned over:
// of these nothing is expected but that they do no harm.

#include <vector>

#include "tests/bpf/support/frame_builder.h"
#include "tests/bpf/support/reference_signer.h"
#include "tests/fuzz/capture_fixture.h"
#include "tests/fuzz/check.h"
#include "tests/fuzz/input.h"

namespace audio_latency::fuzz {
namespace {

using testing::Bytes;
using testing::FrameOptions;
using testing::RtpOptions;

constexpr size_t kLeastAudioBytes = 8;
constexpr uint8_t kFirstDynamicPayloadType = 96;
constexpr size_t kMostPayloadBytes = 1000;
// More of it finds nothing more, and takes its time.
constexpr size_t kMostStreamBytes = 8000;

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

// The content signatures among them, in order.
void AddContent(std::span<const signature_event> events, std::vector<uint64_t>* signatures) {
  for (const signature_event& event : events) {
    if (event.kind == CAPTURE_SIGNATURE_RTP_CONTENT) {
      signatures->push_back(event.signature);
    }
  }
}

void CheckFields(const signature_event& event, const RtpOptions& rtp, size_t payload_bytes) {
  FUZZ_CHECK(event.rtp_ssrc == rtp.ssrc);
  FUZZ_CHECK(event.position == rtp.sequence);
  FUZZ_CHECK(event.rtp_timestamp == rtp.timestamp);
  FUZZ_CHECK(event.rtp_payload_type == rtp.payload_type);
  FUZZ_CHECK(((event.flags & CAPTURE_EVENT_RTP_MARKER) != 0) == rtp.marker);
  FUZZ_CHECK(event.payload_bytes == payload_bytes);
}

// One flow of the stream.
class Flow {
 public:
  Flow(CaptureFixture* capture, const FrameOptions& frame, const RtpOptions& rtp)
      : rtp(rtp), capture_(*capture), frame_(frame) {
    // The first packet is on probation, whatever it holds.
    FUZZ_CHECK(Send({}).empty());
  }

  std::span<const signature_event> Send(std::span<const uint8_t> payload) {
    const auto events =
        capture_.Packet(testing::UdpFrame(testing::RtpPacket(payload, rtp), frame_));
    if (const signature_event* event = PacketEvent(events); event != nullptr) {
      CheckFields(*event, rtp, payload.size());
    }
    AddContent(events, &content);
    ++rtp.sequence;
    rtp.timestamp += static_cast<uint32_t>(payload.size());
    return events;
  }

  RtpOptions rtp;
  std::vector<uint64_t> content;

 private:
  CaptureFixture& capture_;
  const FrameOptions frame_;
};

// The two packets of one payload.
void CheckAlike(const signature_event* first, const signature_event* second) {
  FUZZ_CHECK(first != nullptr && second != nullptr);
  FUZZ_CHECK(first->signature == second->signature);
  FUZZ_CHECK(first->level == second->level);
}

void Run(Input input) {
  const capture_config config = TakeConfig(&input);
  RtpOptions rtp;
  rtp.ssrc = input.Long();
  rtp.sequence = input.Word();
  rtp.payload_type = input.Byte() % 2 == 0 ? 0 : kFirstDynamicPayloadType;
  CaptureFixture capture(config);
  Flow plain(&capture, {}, rtp);
  FrameOptions frame;
  frame.ipv6 = true;
  ++rtp.ssrc;
  rtp.sequence = input.Word();
  Flow rewritten(&capture, frame, rtp);
  frame.source_port = 5004;
  Flow doubled(&capture, frame, rtp);
  FrameOptions hostile_frame;
  hostile_frame.destination_port = 12345;

  Bytes stream;
  Bytes waiting;
  while (!input.empty() && stream.size() < kMostStreamBytes) {
    const uint8_t flags = input.Byte();
    const size_t length = input.Word() % kMostPayloadBytes;
    rewritten.rtp.csrcs.assign(flags & 0x0f, 0xabcdef01);
    rewritten.rtp.extension.assign((flags >> 4) & 3, 0x01020304);
    rewritten.rtp.padding_bytes = (flags & 0x40) != 0 ? static_cast<uint8_t>(1 + length % 255) : 0;
    plain.rtp.marker = (flags & 0x80) != 0;
    rewritten.rtp.marker = !plain.rtp.marker;
    const std::span<const uint8_t> payload = input.Bytes(length);

    const signature_event* const event = PacketEvent(plain.Send(payload));
    FUZZ_CHECK(event != nullptr);
    const signature_event first = *event;  // the next packet's events move it
    CheckAlike(&first, PacketEvent(rewritten.Send(payload)));
    // Shorter ones are comfort noise and dialled digits: between the words, not of them.
    if (payload.size() >= kLeastAudioBytes) {
      stream.insert(stream.end(), payload.begin(), payload.end());
      waiting.insert(waiting.end(), payload.begin(), payload.end());
      if (waiting.size() > payload.size()) {
        doubled.Send(waiting);
        waiting.clear();
      }
    }
    if ((flags & 0x30) == 0x30) {
      // On a flow of its own, so that it cannot disturb the others.
      Bytes hostile = testing::RtpPacket(payload, rewritten.rtp);
      for (size_t i = 0; i < std::min<size_t>(hostile.size(), 24); ++i) {
        hostile[i] = static_cast<uint8_t>(hostile[i] ^ input.Byte());
      }
      capture.Packet(testing::UdpFrame(hostile, hostile_frame));
    }
  }
  doubled.Send(waiting);

  FUZZ_CHECK(plain.content == rewritten.content);
  if (capture.Count(CAPTURE_COUNTER_ANCHORS_OVERFLOW) == 0) {
    FUZZ_CHECK(plain.content == doubled.content);
    if (config.algorithm == CAPTURE_ALGORITHM_XXHASH) {
      std::vector<uint64_t> expected;
      for (const auto& [offset, signature] : testing::ReferenceSignatures(stream, config)) {
        expected.push_back(signature);
      }
      FUZZ_CHECK(plain.content == expected);
    }
  }
}

}  // namespace
}  // namespace audio_latency::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  audio_latency::fuzz::Run(audio_latency::fuzz::Input(data, size));
  return 0;
}
