// One TCP connection through SoftwareCapture, segment by segment.

#ifndef TESTS_UNIT_BPF_SOFTWARE_STREAM_H_
#define TESTS_UNIT_BPF_SOFTWARE_STREAM_H_

#include <catch2/catch.hpp>
#include <cstdint>
#include <memory>

#include "bpf/capture_layout.h"
#include "bpf/software/software_capture.h"
#include "tests/bpf/support/frame_builder.h"
#include "tests/bpf/support/reference_signer.h"

namespace audio_latency::testing {

inline constexpr uint32_t kFirstSequence = 0xfffff000;  // wraps soon
inline constexpr uint8_t kSyn = 0x02;

inline capture_config Config(uint32_t window_bytes = 64, uint32_t rate_bits = 8,
                             uint32_t silence = 256) {
  return capture_config_make(42, window_bytes, rate_bits, silence, CAPTURE_ALGORITHM_XXHASH);
}

// Feeds segments of one TCP connection and gathers what comes out.
class Stream {
 public:
  // `signatures` is by offset in the stream; each comes once.
  explicit Stream(const capture_config& config)
      : capture_(SoftwareCapture::Create(config, 16, [this](const signature_event& event) {
          CHECK(signatures.try_emplace(event.position - kFirstSequence, event.signature).second);
        })) {}

  void Syn() {
    FrameOptions options;
    options.sequence = kFirstSequence - 1;
    options.tcp_flags = kSyn;
    Frame(TcpFrame({}, options));
  }

  void Segment(const Bytes& stream, size_t from, size_t bytes) {
    FrameOptions options;
    options.sequence = kFirstSequence + static_cast<uint32_t>(from);
    Frame(TcpFrame({stream.data() + from, bytes}, options));
  }

  // A BIG TCP packet: its length does not fit into the IP header.
  void Big(const Bytes& stream, size_t bytes) {
    FrameOptions options;
    options.sequence = kFirstSequence;
    options.zero_ip_length = true;
    Frame(TcpFrame({stream.data(), bytes}, options));
  }

  uint64_t Count(capture_counter counter) const { return capture_->counters()[counter]; }

  Signatures signatures;

 private:
  void Frame(const Bytes& frame) {
    capture_->Packet(frame, ++time_ns_, 3, CAPTURE_DIRECTION_INGRESS, {});
  }

  std::unique_ptr<SoftwareCapture> capture_;
  uint64_t time_ns_ = 0;
};

}  // namespace audio_latency::testing

#endif  // TESTS_UNIT_BPF_SOFTWARE_STREAM_H_
