// The capture programs' own code, run in user space: for capture files, for tests, and wherever the
// kernel's way is to be checked against.

#ifndef BPF_SOFTWARE_SOFTWARE_CAPTURE_H_
#define BPF_SOFTWARE_SOFTWARE_CAPTURE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "bpf/capture_abi.h"

namespace audio_latency {

// What a packet is like beside its bytes.
struct PacketForm {
  // Of the device that it was seen at.
  capture_link_layer link_layer = CAPTURE_LINK_ETHERNET;
  // UDP segmentation offload: payload bytes of each datagram but the last in it; 0: it is one.
  uint32_t segment_bytes = 0;
};

// Not thread-safe. Signs exactly as the kernel does: both compile bpf/capture_core.h.
class SoftwareCapture {
 public:
  using EventSink = std::function<void(const signature_event&)>;
  using Counters = std::array<uint64_t, CAPTURE_COUNTER_COUNT>;

  // `config` is from capture_config_make. At most `max_flows` flows are remembered; the one least
  // recently used goes first, as in the kernel's table.
  static std::unique_ptr<SoftwareCapture> Create(const capture_config& config, size_t max_flows,
                                                 EventSink sink);
  virtual ~SoftwareCapture() = default;

  // Looks one packet through, as if it had passed at `time_ns` (CLOCK_MONOTONIC of the node).
  // `frame` begins with what `form.link_layer` says. It may be cut short by the capture; the IP
  // lengths tell, and it counts as malformed.
  virtual void Packet(std::span<const uint8_t> frame, uint64_t time_ns, uint32_t interface_index,
                      capture_direction direction, const PacketForm& form) = 0;

  // From now on (bpf/sampling.h); at first all is kept.
  virtual void SetSamplingThreshold(uint32_t threshold) = 0;

  virtual const Counters& counters() const = 0;
};

// The name of a counter, as the `cause` label shows it, and whether it means that an event was
// lost.
const char* CaptureCounterName(capture_counter counter);
bool CaptureCounterIsLoss(capture_counter counter);

}  // namespace audio_latency

#endif  // BPF_SOFTWARE_SOFTWARE_CAPTURE_H_
