// The clocks' promises: offsets of 5 s, drifts of 50 ppm, queues in one direction, wall clocks that
// are set. Each answer's true delay is inside its error bar, and the median error is small.

#include "tests/clock/clock_lab.h"

#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <random>

namespace audio_latency::testing {
namespace {

constexpr int64_t kSecondNs = 1'000'000'000;
constexpr double kLeastInside = 0.999;
constexpr int64_t kMostMedianErrorNs = 50'000;
constexpr double kStep = 0.01;  // of the histograms

void Check(const char* name, const ClockLab& lab, int64_t most_median_error_ns) {
  const std::vector<LabAnswer> answers = lab.Answers();
  REQUIRE(answers.size() > 200);
  INFO(name);
  CAPTURE(answers.size(), MedianErrorNs(answers), MedianBarNs(answers), ShareInside(answers));
  CHECK(ShareInside(answers) >= kLeastInside);
  CHECK(MedianErrorNs(answers) <= most_median_error_ns);
  fmt::print(
      "{}: {} answers, {:.2f} % inside the bar, median error {:.1f} us, median bar {:.1f} us\n",
      name, answers.size(), 100 * ShareInside(answers),
      static_cast<double>(MedianErrorNs(answers)) * 1e-3,
      static_cast<double>(MedianBarNs(answers)) * 1e-3);
}

// One in four passes at once; the others wait, exponentially distributed.
DelayRule Queue(double mean_ms, uint32_t seed) {
  return [random = std::mt19937(seed),
          wait_ns = std::exponential_distribution<double>(1 / (mean_ms * 1e6))]() mutable {
    return random() % 4 == 0 ? int64_t{0} : static_cast<int64_t>(wait_ns(random));
  };
}

DelayRule None() {
  return [] { return int64_t{0}; };
}

TEST_CASE("offsets of 5 s and drifts of 50 ppm either way are found") {
  const auto lab =
      ClockLab::Start({NodeWrongs{.offset_ns = 5 * kSecondNs, .drift = 50e-6, .ways = {}},
                       NodeWrongs{.offset_ns = -5 * kSecondNs, .drift = -50e-6, .ways = {}}});
  lab->Run(7);
  Check("5 s, 50 ppm", *lab, kMostMedianErrorNs);
  const auto nodes = lab->Nodes();
  REQUIRE(nodes.size() == 2);
  for (const correlator::NodeSnapshot& node : nodes) {
    CHECK(node.clock_state == correlator::ClockState::kGood);
    CHECK(node.clock_source == correlator::ClockSource::kDatagrams);
    const double sign = node.node == "node-0" ? 1 : -1;
    // What the node's clock shows too much is to be subtracted.
    CHECK(node.clock_offset_seconds == Approx(-5 * sign).margin(0.01));
    CHECK(node.clock_drift_ppm == Approx(-50 * sign).margin(3));
  }
}

TEST_CASE("queues in one direction widen the bar, and the truth stays inside") {
  const auto lab =
      ClockLab::Start({NodeWrongs{.offset_ns = -5 * kSecondNs,
                                  .drift = 50e-6,
                                  .ways = DelayRelay::Ways{.up = Queue(3, 1), .down = None()}},
                       NodeWrongs{.offset_ns = 5 * kSecondNs,
                                  .drift = -50e-6,
                                  .ways = DelayRelay::Ways{.up = None(), .down = Queue(3, 2)}}});
  lab->Run(8);
  Check("queues in one direction", *lab, kMostMedianErrorNs);
}

TEST_CASE("a way that is always slower is inside the bar, too") {
  constexpr int64_t kSlowerNs = 2'000'000;
  const auto lab = ClockLab::Start(
      {NodeWrongs{.ways = DelayRelay::Ways{.up = [] { return kSlowerNs; }, .down = None()}},
       NodeWrongs{}});
  lab->Run(4);
  // No exchange can tell it from an offset of half of it.
  Check("one direction 2 ms slower", *lab, kSlowerNs);
}

TEST_CASE("where UDP is blocked the stream tells the clock") {
  const auto lab = ClockLab::Start(
      {NodeWrongs{.offset_ns = 5 * kSecondNs,
                  .drift = 50e-6,
                  .ways = DelayRelay::Ways{.up = None(), .down = None(), .blocks_udp = true}},
       NodeWrongs{}});
  lab->Run(6);
  Check("UDP blocked", *lab, 500'000);
  for (const correlator::NodeSnapshot& node : lab->Nodes()) {
    CHECK((node.clock_source == correlator::ClockSource::kStream) == (node.node == "node-0"));
  }
}

TEST_CASE("a clock that is slewed at 500 ppm is followed") {
  const auto lab = ClockLab::Start(
      {NodeWrongs{.offset_ns = kSecondNs, .drift = 20e-6, .ways = {}}, NodeWrongs{}});
  lab->Run(4);
  for (const double drift : {500e-6, -500e-6, 20e-6}) {
    lab->SetDrift(0, drift);
    lab->Run(2);
  }
  Check("slewed at 500 ppm", *lab, kMostMedianErrorNs);
}

TEST_CASE("wall clocks that are set by a second move no percentile") {
  const auto lab =
      ClockLab::Start({NodeWrongs{.offset_ns = kSecondNs, .drift = 0, .ways = {}}, NodeWrongs{}});
  lab->Run(4);
  for (const int64_t by_ns : {kSecondNs, -2 * kSecondNs, kSecondNs / 10}) {
    lab->StepWallClock(0, by_ns);
    lab->Run(1);
    lab->StepWallClock(-1, -by_ns);
    lab->Run(1);
  }
  Check("wall clocks set", *lab, kMostMedianErrorNs);
  const auto hop = lab->Hop(60);
  REQUIRE(hop.has_value());
  const double truth = ClockLab::kTrueDelayNs * 1e-9;
  CHECK(hop->delay.count > 500);
  for (const double quantile :
       {hop->delay.p50_seconds, hop->delay.p90_seconds, hop->delay.p99_seconds,
        hop->delay.max_seconds, hop->delay.min_seconds}) {
    CHECK(std::abs(quantile - truth) <= hop->delay.error_bound_seconds + kStep * truth);
  }
  CHECK(hop->delay.negative_count == 0);
}

}  // namespace
}  // namespace audio_latency::testing
