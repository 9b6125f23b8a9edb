// Sampling thresholds (bpf/sampling.h) as shares, for people.

#ifndef COMMON_LOSS_SAMPLING_SHARE_H_
#define COMMON_LOSS_SAMPLING_SHARE_H_

#include <cstdint>

namespace audio_latency {

// Keeps everything.
inline constexpr uint32_t kSamplingAll = UINT32_MAX;

// Of all signatures, the share that the threshold keeps: above 0, at most 1.
constexpr double SamplingShare(uint32_t threshold) {
  constexpr double kValues = 4294967296.0;
  return (static_cast<double>(threshold) + 1) / kValues;
}

}  // namespace audio_latency

#endif  // COMMON_LOSS_SAMPLING_SHARE_H_
