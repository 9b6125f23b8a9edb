#include "correlator/clock/linear_clock_model.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <functional>
#include <optional>
#include <random>
#include <vector>

namespace audio_latency::correlator {
namespace {

constexpr int64_t kMillisecondNs = 1'000'000;
constexpr int64_t kStartNs = 3'700'000'000'000;
constexpr int64_t kAtCorrelatorNs = 5'000;

// The truth of a simulated node: correlator's time minus the node's, by the correlator's time.
using Offset = std::function<int64_t(int64_t correlator_ns)>;

ClockExchange Exchange(int64_t at_ns, const Offset& offset, int64_t up_ns, int64_t down_ns) {
  const int64_t received_ns = at_ns + up_ns;
  const int64_t back_ns = received_ns + kAtCorrelatorNs + down_ns;
  return {.probe_send_ns = at_ns - offset(at_ns),
          .correlator_receive_ns = received_ns,
          .correlator_send_ns = received_ns + kAtCorrelatorNs,
          .probe_receive_ns = back_ns - offset(back_ns)};
}

Offset Constant(int64_t offset_ns) {
  return [offset_ns](int64_t) { return offset_ns; };
}

Offset Drifting(int64_t offset_ns, double drift) {
  return [=](int64_t at_ns) {
    return offset_ns + std::llround(static_cast<double>(at_ns - kStartNs) * drift);
  };
}

struct Simulation {
  std::vector<double> errors_ns;
  std::vector<double> widths_ns;
  int outside = 0;
};

// Ten exchanges a second for `seconds`; the first ten seconds do not count.
Simulation Simulate(const Offset& offset, int seconds, const std::function<int64_t()>& up_ns,
                    const std::function<int64_t()>& down_ns) {
  Simulation result;
  LinearClockModel model;
  for (int i = 0; i < seconds * 10; ++i) {
    const int64_t at_ns = kStartNs + i * 100 * kMillisecondNs;
    const int64_t up = up_ns();
    const int64_t down = down_ns();
    model.Add(Exchange(at_ns, offset, up, down));
    const std::optional<OffsetEstimate> estimate = model.Estimate();
    if (!estimate.has_value()) {
      continue;
    }
    const int64_t truth_ns = offset(at_ns + up + kAtCorrelatorNs + down);
    result.outside += truth_ns < estimate->lower_ns || truth_ns > estimate->upper_ns;
    CHECK(estimate->offset_ns >= estimate->lower_ns);
    CHECK(estimate->offset_ns <= estimate->upper_ns);
    if (i >= 100) {
      result.errors_ns.push_back(std::abs(static_cast<double>(estimate->offset_ns - truth_ns)));
      result.widths_ns.push_back(static_cast<double>(estimate->upper_ns - estimate->lower_ns));
    }
  }
  return result;
}

double Quantile(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  return values[static_cast<size_t>(static_cast<double>(values.size() - 1) * share)];
}

TEST_CASE("There is no estimate before the fifth exchange") {
  LinearClockModel model;
  for (int i = 0; i < 4; ++i) {
    model.Add(Exchange(i * 100 * kMillisecondNs, Constant(77), 50'000, 50'000));
    CHECK_FALSE(model.Estimate().has_value());
  }
  model.Add(Exchange(400 * kMillisecondNs, Constant(77), 50'000, 50'000));
  REQUIRE(model.Estimate().has_value());
  CHECK(std::abs(model.Estimate()->offset_ns - 77) < 10'000);
}

TEST_CASE(
    "Under queues of any size, both ways, any offset and drift: bounds hold, error is small") {
  for (const int64_t offset_ns :
       {int64_t{0}, int64_t{-5'000'000'000}, int64_t{3'600'000'000'000}}) {
    for (const double drift : {0.0, 50e-6, -50e-6, 200e-6}) {
      INFO("offset " << offset_ns << " drift " << drift);
      std::mt19937_64 random(4);
      std::exponential_distribution<> queue_ns(1.0 / 300'000);
      const auto way = [&] { return 50'000 + static_cast<int64_t>(queue_ns(random)); };
      const Simulation simulation = Simulate(Drifting(offset_ns, drift), 60, way, way);
      CHECK(simulation.outside == 0);
      CHECK(Quantile(simulation.errors_ns, 0.5) < 15'000);
      CHECK(Quantile(simulation.errors_ns, 0.99) < 60'000);
      CHECK(Quantile(simulation.widths_ns, 0.5) < 200'000);
    }
  }
}

TEST_CASE("Queues on one way only: bounds hold, and the quick exchanges decide") {
  for (const double drift : {50e-6, -50e-6}) {
    std::mt19937_64 random(5);
    std::exponential_distribution<> queue_ns(1.0 / 2'000'000);
    std::bernoulli_distribution is_queued(0.7);
    const Simulation simulation = Simulate(
        Drifting(1'234'567, drift), 60, [] { return int64_t{100'000}; },
        [&] { return 100'000 + (is_queued(random) ? static_cast<int64_t>(queue_ns(random)) : 0); });
    CHECK(simulation.outside == 0);
    CHECK(Quantile(simulation.errors_ns, 0.5) < 10'000);
    CHECK(Quantile(simulation.errors_ns, 0.99) < 50'000);
  }
}

TEST_CASE("The drift is told once it is known") {
  LinearClockModel model;
  const Offset offset = Drifting(0, 37e-6);
  std::mt19937_64 random(6);
  std::exponential_distribution<> queue_ns(1.0 / 100'000);
  for (int i = 0; i < 100; ++i) {
    model.Add(Exchange(kStartNs + i * 100 * kMillisecondNs, offset,
                       50'000 + static_cast<int64_t>(queue_ns(random)),
                       50'000 + static_cast<int64_t>(queue_ns(random))));
    REQUIRE((i < 4 || std::abs(model.Estimate()->drift) < 100e-6));
  }
  CHECK(model.Estimate()->drift == Approx(37e-6).margin(3e-6));
}

TEST_CASE("A drift that wanders with the temperature stays within the bounds") {
  constexpr double kPeriodNs = 120e9;
  constexpr double kAmplitudeNs = 30'000;
  std::mt19937_64 random(7);
  std::exponential_distribution<> queue_ns(1.0 / 200'000);
  const auto way = [&] { return 100'000 + static_cast<int64_t>(queue_ns(random)); };
  const Simulation simulation = Simulate(
      [](int64_t at_ns) {
        return std::llround(kAmplitudeNs *
                            std::sin(static_cast<double>(at_ns) * 2 * M_PI / kPeriodNs));
      },
      240, way, way);
  CHECK(simulation.outside == 0);
  CHECK(Quantile(simulation.errors_ns, 0.5) < 15'000);
}

TEST_CASE("A clock that an NTP client begins to slew is followed") {
  const Offset offset = [](int64_t at_ns) {
    const int64_t since_ns = at_ns - kStartNs - 30'000'000'000;
    return since_ns < 0 ? 0 : std::llround(static_cast<double>(since_ns) * 500e-6);
  };
  std::mt19937_64 random(8);
  std::exponential_distribution<> queue_ns(1.0 / 100'000);
  const auto way = [&] { return 100'000 + static_cast<int64_t>(queue_ns(random)); };
  const Simulation simulation = Simulate(offset, 60, way, way);
  // In the first moments the old line still fits.
  CHECK(simulation.outside < 6);
  CHECK(Quantile(simulation.errors_ns, 0.99) < 150'000);
}

TEST_CASE("A constant asymmetry of the ways is inside the bounds, though not in the estimate") {
  const Simulation simulation = Simulate(
      Constant(0), 30, [] { return int64_t{100'000}; }, [] { return int64_t{300'000}; });
  CHECK(simulation.outside == 0);
  CHECK(Quantile(simulation.errors_ns, 0.5) == Approx(100'000).epsilon(0.1));
}

TEST_CASE("An exchange that is told late does not make the estimate older") {
  const Offset offset = Drifting(-kStartNs / 2, 30e-6);
  LinearClockModel prompt;
  LinearClockModel mixed;
  std::optional<ClockExchange> held;
  for (int i = 0; i < 100; ++i) {
    const int64_t at_ns = kStartNs + i * 100 * kMillisecondNs;
    // On the stream every half second, told with the next.
    if (i % 5 == 0) {
      held = Exchange(at_ns - 10 * kMillisecondNs, offset, 400'000, 600'000);
    }
    const ClockExchange exchange = Exchange(at_ns, offset, 5'000, 5'000);
    prompt.Add(exchange);
    mixed.Add(exchange);
    if (i % 5 == 4) {
      mixed.Add(*held);
    }
    if (i >= 5) {
      REQUIRE(mixed.Estimate().has_value());
      CHECK(mixed.Estimate()->node_time_ns == prompt.Estimate()->node_time_ns);
      CHECK(mixed.Estimate()->lower_ns >= prompt.Estimate()->lower_ns - 1);
      CHECK(mixed.Estimate()->upper_ns <= prompt.Estimate()->upper_ns + 1);
    }
  }
}

TEST_CASE("An exchange during which the clock stood still tells nothing") {
  LinearClockModel model;
  for (int i = 0; i < 50; ++i) {
    model.Add(Exchange(i * 100 * kMillisecondNs, Constant(0), 50'000, 50'000));
  }
  REQUIRE(model.Estimate().has_value());
  // The node slept for 800 ms between sending and receiving: to its clock the answer came at once.
  ClockExchange asleep = Exchange(5'000 * kMillisecondNs, Constant(0), 50'000, 50'000);
  asleep.correlator_send_ns += 800 * kMillisecondNs;
  model.Add(asleep);
  CHECK_FALSE(model.Estimate().has_value());
  for (int i = 0; i < 50; ++i) {
    model.Add(Exchange(5'100 * kMillisecondNs + i * 100 * kMillisecondNs,
                       Constant(800 * kMillisecondNs), 50'000, 50'000));
  }
  REQUIRE(model.Estimate().has_value());
  CHECK(model.Estimate()->lower_ns <= 800 * kMillisecondNs);
  CHECK(model.Estimate()->upper_ns >= 800 * kMillisecondNs);
}

TEST_CASE("A clock that steps is followed, its past forgotten") {
  for (const int64_t step_ns : {700 * kMillisecondNs, -700 * kMillisecondNs}) {
    LinearClockModel model;
    for (int i = 0; i < 50; ++i) {
      model.Add(Exchange(i * 100 * kMillisecondNs, Constant(0), 50'000, 50'000));
    }
    for (int i = 50; i < 53; ++i) {
      model.Add(Exchange(i * 100 * kMillisecondNs, Constant(step_ns), 50'000, 50'000));
    }
    CHECK(std::abs(model.Estimate()->offset_ns - step_ns) < 100'000);
  }
}

}  // namespace
}  // namespace audio_latency::correlator
