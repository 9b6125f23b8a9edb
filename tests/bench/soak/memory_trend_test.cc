#include "tests/bench/soak/memory_trend.h"

#include <catch2/catch.hpp>

namespace audio_latency::bench {
namespace {

TEST_CASE("growth is told in 10 minutes, of what comes after the warm-up") {
  std::vector<MemorySample> samples;
  for (int i = 0; i < 60; ++i) {
    // Grows quickly for 5 minutes, then by 1 % of 100 MB in 10 minutes.
    const double seconds = 30.0 * i;
    samples.push_back({seconds, seconds < 300 ? 1e6 * i : 1e8 + 1e6 * (seconds - 1035) / 600});
  }
  CHECK(GrowthIn10Minutes(samples, 300) == Approx(0.01).epsilon(0.001));
  CHECK(GrowthIn10Minutes(samples, 0) > 0.1);
}

TEST_CASE("flat memory, and too few samples, do not grow") {
  CHECK(GrowthIn10Minutes({{0, 5e6}, {10, 5e6}, {20, 5e6}}, 0) == 0);
  CHECK(GrowthIn10Minutes({{0, 5e6}}, 0) == 0);
  CHECK(GrowthIn10Minutes({}, 0) == 0);
}

}  // namespace
}  // namespace audio_latency::bench
