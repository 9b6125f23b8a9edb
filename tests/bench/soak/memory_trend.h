// Whether a program's memory grows.

#ifndef TESTS_BENCH_SOAK_MEMORY_TREND_H_
#define TESTS_BENCH_SOAK_MEMORY_TREND_H_

#include <cstddef>
#include <vector>

#include "absl/status/statusor.h"

namespace audio_latency::bench {

struct MemorySample {
  double seconds = 0;  // since the begin
  double bytes = 0;    // resident
};

// Fewer say nothing of a trend.
inline constexpr size_t kFewestTrendSamples = 5;

// Slope of the least-squares line through the samples from `from_seconds` on, as a share of their
// mean, in 10 minutes. FAILED_PRECONDITION when no trend can be told: fewer than
// kFewestTrendSamples from then on, all of one time, or memory that is not above 0.
absl::StatusOr<double> GrowthIn10Minutes(const std::vector<MemorySample>& samples,
                                         double from_seconds);

}  // namespace audio_latency::bench

#endif  // TESTS_BENCH_SOAK_MEMORY_TREND_H_
