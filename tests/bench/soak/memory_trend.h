// Whether a program's memory grows.

#ifndef TESTS_BENCH_SOAK_MEMORY_TREND_H_
#define TESTS_BENCH_SOAK_MEMORY_TREND_H_

#include <vector>

namespace audio_latency::bench {

struct MemorySample {
  double seconds = 0;  // since the begin
  double bytes = 0;    // resident
};

// Slope of the least-squares line through the samples from `from_seconds` on, as a share of their
// mean, in 10 minutes. 0 for fewer than two samples.
double GrowthIn10Minutes(const std::vector<MemorySample>& samples, double from_seconds);

}  // namespace audio_latency::bench

#endif  // TESTS_BENCH_SOAK_MEMORY_TREND_H_
