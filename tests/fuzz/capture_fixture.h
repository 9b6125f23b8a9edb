// The capture code in user space, with what must be true of every event and every counter.

#ifndef TESTS_FUZZ_CAPTURE_FIXTURE_H_
#define TESTS_FUZZ_CAPTURE_FIXTURE_H_

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "bpf/capture_abi.h"
#include "bpf/software/software_capture.h"
#include "tests/fuzz/input.h"

namespace audio_latency::fuzz {

// Any configuration that the loader would accept.
capture_config TakeConfig(Input* input);

// Checks after each packet that the counters add up and that the events are in range.
class CaptureFixture {
 public:
  explicit CaptureFixture(const capture_config& config, size_t max_flows = 16);

  // Returns the events of this packet.
  std::span<const signature_event> Packet(std::span<const uint8_t> frame,
                                          capture_direction direction = CAPTURE_DIRECTION_INGRESS,
                                          const PacketForm& form = {});
  const std::vector<signature_event>& events() const { return events_; }
  uint64_t Count(capture_counter counter) const { return capture_->counters()[counter]; }

 private:
  void CheckEvent(const signature_event& event, size_t frame_bytes,
                  capture_direction direction) const;

  std::unique_ptr<SoftwareCapture> capture_;
  std::vector<signature_event> events_;
  uint64_t packets_ = 0;
  uint64_t signed_ = 0;
  uint64_t time_ns_ = 1'000'000'000;
};

}  // namespace audio_latency::fuzz

#endif  // TESTS_FUZZ_CAPTURE_FIXTURE_H_
