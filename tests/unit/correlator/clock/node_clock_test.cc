#include "correlator/clock/node_clock.h"

#include <catch2/catch.hpp>
#include <limits>
#include <memory>
#include <random>

#include "correlator/clock/linear_clock_model.h"

namespace audio_latency::correlator {
namespace {

constexpr int64_t kMillisecondNs = 1'000'000;
constexpr int64_t kSecondNs = 1'000'000'000;
constexpr int64_t kOffsetNs = 123 * kSecondNs + 456;
constexpr int64_t kStartNs = 10'000 * kSecondNs;

// Every 100 ms, over ways with queues; the node is kOffsetNs behind.
class Fixture {
 public:
  bool Exchange(int64_t longest_queue_ns = 200'000) {
    std::uniform_int_distribution<int64_t> queue_ns(0, longest_queue_ns);
    const int64_t up_ns = 50'000 + queue_ns(random);
    const int64_t down_ns = 50'000 + queue_ns(random);
    const ClockExchange exchange{.probe_send_ns = now_ns - kOffsetNs,
                                 .correlator_receive_ns = now_ns + up_ns,
                                 .correlator_send_ns = now_ns + up_ns + 1000,
                                 .probe_receive_ns = now_ns + up_ns + 1000 + down_ns - kOffsetNs};
    now_ns += 100 * kMillisecondNs;
    return clock.Add(exchange, now_ns);
  }

  int64_t now_ns = kStartNs;
  std::mt19937_64 random{5};
  NodeClock clock{std::make_unique<LinearClockModel>()};
};

TEST_CASE("A node's clock is synchronising, then good, then stale") {
  Fixture fixture;
  CHECK(fixture.clock.StateAt(fixture.now_ns) == ClockState::kSynchronising);
  for (int i = 0; i < 5; ++i) {
    CHECK_FALSE(fixture.clock.is_synchronised());
    REQUIRE(fixture.Exchange());
  }
  CHECK(fixture.clock.is_synchronised());
  CHECK(fixture.clock.StateAt(fixture.now_ns) == ClockState::kGood);
  const int64_t bound_ns = fixture.clock.ErrorBoundNs(fixture.now_ns);
  CHECK(fixture.clock.StateAt(fixture.now_ns + 6 * kSecondNs) == ClockState::kStale);
  // It gets worse meanwhile.
  CHECK(fixture.clock.ErrorBoundNs(fixture.now_ns + 10 * kSecondNs) > bound_ns + 900'000);
  REQUIRE(fixture.Exchange());
  CHECK(fixture.clock.StateAt(fixture.now_ns) == ClockState::kGood);
}

TEST_CASE("Times are converted within the bound that is told") {
  Fixture fixture;
  for (int i = 0; i < 300; ++i) {
    REQUIRE(fixture.Exchange());
    if (fixture.clock.is_synchronised()) {
      const int64_t error_ns =
          fixture.clock.ToCorrelatorNs(fixture.now_ns - kOffsetNs) - fixture.now_ns;
      CHECK(std::abs(error_ns) <= fixture.clock.ErrorBoundNs(fixture.now_ns));
    }
  }
  CHECK(fixture.clock.ErrorBoundNs(fixture.now_ns) < 200'000);
}

TEST_CASE("The delay between two events of one node is not bent by new estimates") {
  Fixture fixture;
  for (int i = 0; i < 6; ++i) {
    fixture.Exchange();
  }
  int64_t last_ns = fixture.now_ns - kOffsetNs;
  int64_t last_converted_ns = fixture.clock.ToCorrelatorNs(last_ns);
  for (int i = 0; i < 200; ++i) {
    fixture.Exchange();
    const int64_t node_ns = fixture.now_ns - kOffsetNs;
    const int64_t converted_ns = fixture.clock.ToCorrelatorNs(node_ns);
    const double bent_ns =
        static_cast<double>((converted_ns - last_converted_ns) - (node_ns - last_ns));
    CHECK(std::abs(bent_ns) <= NodeClock::kMaxSlew * static_cast<double>(node_ns - last_ns) + 2);
    last_ns = node_ns;
    last_converted_ns = converted_ns;
  }
}

TEST_CASE("An event is converted by what held at its time, however late it comes") {
  Fixture fixture;
  for (int i = 0; i < 10; ++i) {
    fixture.Exchange();
  }
  const int64_t event_ns = fixture.now_ns - kOffsetNs;
  const int64_t converted_ns = fixture.clock.ToCorrelatorNs(event_ns);
  for (int i = 0; i < 100; ++i) {
    fixture.Exchange(20'000);
  }
  CHECK(fixture.clock.ToCorrelatorNs(event_ns) == converted_ns);
}

TEST_CASE("Exchanges that contradict themselves are refused") {
  NodeClock clock(std::make_unique<LinearClockModel>());
  const int64_t most = std::numeric_limits<int64_t>::max();
  const int64_t least = std::numeric_limits<int64_t>::min();
  const ClockExchange bad[] = {
      {.probe_send_ns = 10,
       .correlator_receive_ns = 5,
       .correlator_send_ns = 4,
       .probe_receive_ns = 20},  // t3 before t2
      {.probe_send_ns = 20,
       .correlator_receive_ns = 5,
       .correlator_send_ns = 5,
       .probe_receive_ns = 10},  // t4 before t1
      {.probe_send_ns = 10,
       .correlator_receive_ns = 5,
       .correlator_send_ns = 50,
       .probe_receive_ns = 20},  // longer there than here
      {.probe_send_ns = least,
       .correlator_receive_ns = 5,
       .correlator_send_ns = 6,
       .probe_receive_ns = most},
      {.probe_send_ns = 0,
       .correlator_receive_ns = most,
       .correlator_send_ns = most,
       .probe_receive_ns = 1},
      {.probe_send_ns = 0,
       .correlator_receive_ns = 5,
       .correlator_send_ns = 6,
       .probe_receive_ns = 60 * kSecondNs},  // took a minute
      {.probe_send_ns = 0,
       .correlator_receive_ns = 2000,
       .correlator_send_ns = 2001,
       .probe_receive_ns = 10},  // of our future
  };
  for (const ClockExchange& exchange : bad) {
    CHECK_FALSE(clock.Add(exchange, 1000));
  }
  CHECK_FALSE(clock.is_synchronised());
}

}  // namespace
}  // namespace audio_latency::correlator
