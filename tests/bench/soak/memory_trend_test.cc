#include "tests/bench/soak/memory_trend.h"

#include <catch2/catch.hpp>
#include <limits>
#include <string>

#include "common/status/status_macros.h"

namespace audio_latency::bench {
namespace {

// A sample every 30 s that grows quickly until the 300th second, then by `growth` of 100 MB in 10
// minutes.
std::vector<MemorySample> Samples(double growth) {
  std::vector<MemorySample> samples;
  for (int i = 0; i < 60; ++i) {
    const double seconds = 30.0 * i;
    samples.push_back(
        {seconds, seconds < 300 ? 1e6 * (i + 1) : 1e8 + 1e8 * growth * (seconds - 1035) / 600});
  }
  return samples;
}

std::string WhyNoTrend(const std::vector<MemorySample>& samples, double from_seconds) {
  return Message(GrowthIn10Minutes(samples, from_seconds).status());
}

TEST_CASE("growth is told in 10 minutes, of what comes after the warm-up") {
  CHECK(*GrowthIn10Minutes(Samples(0.01), 300) == Approx(0.01).epsilon(0.001));
  CHECK(*GrowthIn10Minutes(Samples(-0.03), 300) == Approx(-0.03).epsilon(0.001));
  CHECK(*GrowthIn10Minutes(Samples(0), 300) == 0);
  CHECK(*GrowthIn10Minutes(Samples(0), 0) > 0.1);
}

TEST_CASE("a warm-up as long as the run leaves no trend to be told") {
  CHECK(WhyNoTrend(Samples(0), 1800).find("0 samples of memory after the first 1800 s") !=
        std::string::npos);
  // The last four, at 1680, 1710, 1740 and 1770 s.
  CHECK(WhyNoTrend(Samples(0), 1680).find("4 samples") != std::string::npos);
  CHECK(GrowthIn10Minutes(Samples(0), 1650).ok());
  CHECK_FALSE(GrowthIn10Minutes({}, 0).ok());
}

TEST_CASE("samples of one time, and memory that is none, give no trend") {
  CHECK(WhyNoTrend({{7, 5e6}, {7, 5e6}, {7, 5e6}, {7, 5e6}, {7, 6e6}}, 0).find("one time") !=
        std::string::npos);
  for (const double bytes : {0.0, -1.0, std::numeric_limits<double>::quiet_NaN()}) {
    std::vector<MemorySample> samples = Samples(0);
    samples[20].bytes = bytes;
    CHECK(WhyNoTrend(samples, 300).find("after 600 s was not read") != std::string::npos);
  }
}

}  // namespace
}  // namespace audio_latency::bench
