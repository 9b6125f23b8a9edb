// The counters of the BPF programs, and what they are told to keep.

#ifndef PROBE_CAPTURE_COUNTERS_H_
#define PROBE_CAPTURE_COUNTERS_H_

#include <array>
#include <cstdint>
#include <string_view>

#include "bpf/capture_abi.h"

namespace audio_latency::probe {

// Totals since the programs were loaded, all CPUs together; by enum capture_counter.
using CaptureCounters = std::array<uint64_t, CAPTURE_COUNTER_COUNT>;

struct CaptureCause {
  std::string_view name;
  // An event that should have gone out did not.
  bool lost = false;
};

// By enum capture_counter.
inline constexpr std::array<CaptureCause, CAPTURE_COUNTER_COUNT> kCaptureCauses = {{
#define CAPTURE_CAUSE(constant, name, lost) {name, (lost) != 0},
    CAPTURE_COUNTERS(CAPTURE_CAUSE)
#undef CAPTURE_CAUSE
}};

// Thread-safe.
class CounterSource {
 public:
  virtual ~CounterSource() = default;
  virtual CaptureCounters Read() const = 0;
  // What of the signatures the programs keep now (bpf/sampling.h).
  virtual uint32_t SamplingThreshold() const = 0;
};

}  // namespace audio_latency::probe

#endif  // PROBE_CAPTURE_COUNTERS_H_
