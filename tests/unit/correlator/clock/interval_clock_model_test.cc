#include "correlator/clock/interval_clock_model.h"

#include <catch2/catch.hpp>
#include <random>

namespace audio_latency::correlator {
namespace {

constexpr int64_t kMillisecondNs = 1'000'000;

// An exchange at true time `at_ns` (correlator's clock) with a node that is `offset_ns` behind.
ClockExchange Exchange(int64_t at_ns, int64_t offset_ns, int64_t up_ns, int64_t down_ns) {
  return {.probe_send_ns = at_ns - offset_ns,
          .correlator_receive_ns = at_ns + up_ns,
          .correlator_send_ns = at_ns + up_ns + 5'000,
          .probe_receive_ns = at_ns + up_ns + 5'000 + down_ns - offset_ns};
}

TEST_CASE("There is no estimate before the fifth exchange") {
  IntervalClockModel model;
  for (int i = 0; i < 4; ++i) {
    model.Add(Exchange(i * 100 * kMillisecondNs, 77, 50'000, 50'000));
    CHECK_FALSE(model.Estimate().has_value());
  }
  model.Add(Exchange(400 * kMillisecondNs, 77, 50'000, 50'000));
  REQUIRE(model.Estimate().has_value());
  CHECK(std::abs(model.Estimate()->offset_ns - 77) < 10'000);
}

TEST_CASE("The bounds hold the truth under queues of any size, at both ways") {
  for (const int64_t offset_ns : {int64_t{0}, int64_t{-3'600'000'000'000}, int64_t{12'345'678}}) {
    std::mt19937_64 random(4);
    std::exponential_distribution<> queue_ns(1.0 / 300'000);
    IntervalClockModel model;
    int64_t at_ns = 3'700'000'000'000;
    for (int i = 0; i < 300; ++i, at_ns += 100 * kMillisecondNs) {
      model.Add(Exchange(at_ns, offset_ns, 50'000 + static_cast<int64_t>(queue_ns(random)),
                         50'000 + static_cast<int64_t>(queue_ns(random)) * (i % 3)));
      const auto estimate = model.Estimate();
      if (estimate.has_value()) {
        CHECK(estimate->lower_ns <= offset_ns);
        CHECK(estimate->upper_ns >= offset_ns);
        CHECK(estimate->offset_ns >= estimate->lower_ns);
        CHECK(estimate->offset_ns <= estimate->upper_ns);
      }
    }
    CHECK(model.Estimate()->upper_ns - model.Estimate()->lower_ns < 300'000);
  }
}

TEST_CASE("A drift within the allowance stays within the bounds") {
  for (const double drift : {15e-6, -15e-6, 95e-6, -95e-6}) {
    IntervalClockModel model;
    std::mt19937_64 random(4);
    std::exponential_distribution<> queue_ns(1.0 / 500'000);
    for (int i = 0; i < 600; ++i) {
      const int64_t at_ns = i * 100 * kMillisecondNs + 1'000'000'000'000;
      const auto offset_at = [&](int64_t time_ns) {
        return static_cast<int64_t>(static_cast<double>(time_ns - 1'000'000'000'000) * drift);
      };
      const ClockExchange exchange =
          Exchange(at_ns, offset_at(at_ns), 40'000 + static_cast<int64_t>(queue_ns(random)),
                   40'000 + static_cast<int64_t>(queue_ns(random)));
      model.Add(exchange);
      if (const auto estimate = model.Estimate()) {
        CHECK(estimate->lower_ns <= offset_at(at_ns) + 100);
        CHECK(estimate->upper_ns >= offset_at(at_ns) - 100);
      }
    }
  }
}

TEST_CASE("A clock that steps is followed, its past forgotten") {
  IntervalClockModel model;
  for (int i = 0; i < 50; ++i) {
    model.Add(Exchange(i * 100 * kMillisecondNs, 0, 50'000, 50'000));
  }
  model.Add(Exchange(5'000 * kMillisecondNs, 700 * kMillisecondNs, 50'000, 50'000));
  CHECK(std::abs(model.Estimate()->offset_ns - 700 * kMillisecondNs) < 100'000);
}

}  // namespace
}  // namespace audio_latency::correlator
