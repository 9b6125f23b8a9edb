#include "tests/fuzz/capture_fixture.h"

#include <netinet/in.h>

#include <utility>

#include "bpf/capture_layout.h"
#include "tests/fuzz/check.h"

namespace audio_latency::fuzz {
namespace {

constexpr uint32_t kInterface = 7;
constexpr uint64_t kPacketNs = 20'000'000;

// Reasons to leave a packet alone before its payload is looked at: at most one a packet.
constexpr capture_counter kLeftAlone[] = {
    CAPTURE_COUNTER_NOT_IP,   CAPTURE_COUNTER_NOT_TCP_OR_UDP, CAPTURE_COUNTER_MALFORMED,
    CAPTURE_COUNTER_FRAGMENT, CAPTURE_COUNTER_PORT_FILTERED,
};

}  // namespace

capture_config TakeConfig(Input* input) {
  // Powers of two and a bit more: the sizes that users set, and odd ones.
  const uint32_t window_bytes =
      CAPTURE_WINDOW_MIN_BYTES +
      input->Word() % (CAPTURE_WINDOW_MAX_BYTES - CAPTURE_WINDOW_MIN_BYTES + 1);
  const uint32_t rate_bits =
      CAPTURE_RATE_BITS_MIN + input->Byte() % (CAPTURE_RATE_BITS_MAX - CAPTURE_RATE_BITS_MIN + 1);
  const uint32_t silence_threshold = uint32_t{input->Byte()} * 128;
  const auto algorithm =
      static_cast<capture_algorithm>(input->Byte() % (CAPTURE_ALGORITHM_ROLLING_HASH + 1));
  return capture_config_make(input->Byte(), window_bytes, rate_bits, silence_threshold, algorithm);
}

CaptureFixture::CaptureFixture(const capture_config& config, size_t max_flows)
    : capture_(SoftwareCapture::Create(
          config, max_flows, [this](const signature_event& event) { events_.push_back(event); })) {}

std::span<const signature_event> CaptureFixture::Packet(std::span<const uint8_t> frame,
                                                        capture_direction direction,
                                                        const PacketForm& form) {
  // A copy of its own, so that the sanitizer sees each byte that is read beyond it.
  const std::unique_ptr<uint8_t[]> copy(new uint8_t[frame.size()]);
  std::copy(frame.begin(), frame.end(), copy.get());
  const SoftwareCapture::Counters before = capture_->counters();
  const size_t events_before = events_.size();
  time_ns_ += kPacketNs;
  capture_->Packet({copy.get(), frame.size()}, time_ns_, kInterface, direction, form);

  const SoftwareCapture::Counters& after = capture_->counters();
  const std::span<const signature_event> added(events_.data() + events_before,
                                               events_.size() - events_before);
  for (const signature_event& event : added) {
    CheckEvent(event, frame.size(), direction);
    signed_ += (event.flags & CAPTURE_EVENT_SIGNED) != 0 ? 1 : 0;
  }
  ++packets_;
  FUZZ_CHECK(after[CAPTURE_COUNTER_PACKETS] == packets_);
  FUZZ_CHECK(after[CAPTURE_COUNTER_EVENTS] == events_.size());
  FUZZ_CHECK(after[CAPTURE_COUNTER_SIGNED] == signed_);
  uint64_t left_alone = 0;
  for (const capture_counter counter : kLeftAlone) {
    left_alone += after[counter] - before[counter];
  }
  FUZZ_CHECK(left_alone <= 1);
  FUZZ_CHECK(left_alone == 0 || added.empty());
  for (size_t counter = 0; counter < after.size(); ++counter) {
    FUZZ_CHECK(after[counter] >= before[counter]);
  }
  // User space has one thread and room for every event.
  FUZZ_CHECK(after[CAPTURE_COUNTER_FLOW_BUSY] == 0);
  FUZZ_CHECK(after[CAPTURE_COUNTER_FLOW_TABLE_FULL] == 0);
  FUZZ_CHECK(after[CAPTURE_COUNTER_RING_FULL] == 0);
  return added;
}

void CaptureFixture::CheckEvent(const signature_event& event, size_t frame_bytes,
                                capture_direction direction) const {
  const bool is_signed = (event.flags & CAPTURE_EVENT_SIGNED) != 0;
  FUZZ_CHECK(event.time_ns == time_ns_);
  FUZZ_CHECK(event.interface_index == kInterface);
  FUZZ_CHECK(event.direction == direction);
  FUZZ_CHECK(event.level <= 127 || event.level == CAPTURE_LEVEL_UNKNOWN);
  FUZZ_CHECK(event.payload_bytes <= frame_bytes);
  FUZZ_CHECK(event.rtp_payload_type <= 127);
  FUZZ_CHECK(event.reserved == 0);
  if (event.kind == CAPTURE_SIGNATURE_CONTENT) {
    FUZZ_CHECK(event.transport == IPPROTO_TCP);
    FUZZ_CHECK(is_signed);
  } else {
    FUZZ_CHECK(event.transport == IPPROTO_UDP);
    FUZZ_CHECK(event.position <= UINT16_MAX);
    FUZZ_CHECK(is_signed || event.signature == 0);
    FUZZ_CHECK(is_signed || event.kind == CAPTURE_SIGNATURE_RTP_PAYLOAD);
  }
}

}  // namespace audio_latency::fuzz
