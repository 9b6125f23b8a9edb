#include "tests/bench/soak/memory_trend.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "absl/status/status.h"

namespace audio_latency::bench {

absl::StatusOr<double> GrowthIn10Minutes(const std::vector<MemorySample>& samples,
                                         double from_seconds) {
  constexpr double kTenMinutes = 600;
  std::vector<MemorySample> warm;
  std::copy_if(samples.begin(), samples.end(), std::back_inserter(warm),
               [&](const MemorySample& sample) { return sample.seconds >= from_seconds; });
  if (warm.size() < kFewestTrendSamples) {
    return absl::FailedPreconditionError(
        fmt::format("{} samples of memory after the first {:.0f} s, {} are needed: run longer or "
                    "warm up for less",
                    warm.size(), from_seconds, kFewestTrendSamples));
  }
  const auto count = static_cast<double>(warm.size());
  double mean_seconds = 0;
  double mean_bytes = 0;
  for (const MemorySample& sample : warm) {
    mean_seconds += sample.seconds / count;
    mean_bytes += sample.bytes / count;
    // Also of what is not a number.
    if (!(sample.bytes > 0)) {
      return absl::FailedPreconditionError(
          fmt::format("memory of {} bytes after {:.0f} s was not read from a program that runs",
                      sample.bytes, sample.seconds));
    }
  }
  double covariance = 0;
  double variance = 0;
  for (const MemorySample& sample : warm) {
    const double seconds = sample.seconds - mean_seconds;
    covariance += seconds * (sample.bytes - mean_bytes);
    variance += seconds * seconds;
  }
  if (variance == 0) {
    return absl::FailedPreconditionError("all samples of memory are of one time");
  }
  return covariance / variance / mean_bytes * kTenMinutes;
}

}  // namespace audio_latency::bench
