#include "tests/bench/soak/memory_trend.h"

namespace audio_latency::bench {

double GrowthIn10Minutes(const std::vector<MemorySample>& samples, double from_seconds) {
  constexpr double kTenMinutes = 600;
  double count = 0;
  double mean_seconds = 0;
  double mean_bytes = 0;
  for (const MemorySample& sample : samples) {
    if (sample.seconds >= from_seconds) {
      ++count;
      mean_seconds += sample.seconds;
      mean_bytes += sample.bytes;
    }
  }
  if (count < 2) {
    return 0;
  }
  mean_seconds /= count;
  mean_bytes /= count;
  double covariance = 0;
  double variance = 0;
  for (const MemorySample& sample : samples) {
    if (sample.seconds >= from_seconds) {
      const double seconds = sample.seconds - mean_seconds;
      covariance += seconds * (sample.bytes - mean_bytes);
      variance += seconds * seconds;
    }
  }
  return variance == 0 || mean_bytes == 0 ? 0 : covariance / variance / mean_bytes * kTenMinutes;
}

}  // namespace audio_latency::bench
