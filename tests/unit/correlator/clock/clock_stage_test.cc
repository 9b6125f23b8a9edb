#include "correlator/clock/clock_stage.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <limits>
#include <vector>

#include "correlator/clock/linear_clock_model.h"

namespace audio_latency::correlator {
namespace {

constexpr int64_t kSecondNs = 1'000'000'000;
constexpr int64_t kOffsetNs = -77 * kSecondNs;
constexpr NodeId kNode = 3;

class Fixture : public ObservationSink {
 public:
  void Take(std::span<const Observation> taken) override {
    observations.insert(observations.end(), taken.begin(), taken.end());
  }
  void Exchange(int times) {
    for (int i = 0; i < times; ++i) {
      clock.Advance(kSecondNs / 10);
      const int64_t now_ns = clock.NowNs();
      CHECK(stage->AddExchange(kNode, {.probe_send_ns = now_ns - 200'000 - kOffsetNs,
                                       .correlator_receive_ns = now_ns - 100'000,
                                       .correlator_send_ns = now_ns - 90'000,
                                       .probe_receive_ns = now_ns - kOffsetNs}));
    }
  }
  NodeEvent EventNow() const {
    return {.signature = 9, .node_time_ns = clock.NowNs() - kOffsetNs, .flow = 4, .position = 5};
  }

  ManualClock clock{1000 * kSecondNs};
  ClockErrorBoard errors;
  std::unique_ptr<ClockStage> stage =
      ClockStage::Create(clock, *this, errors, [] { return std::make_unique<LinearClockModel>(); });
  std::vector<Observation> observations;
};

TEST_CASE("Events wait for the clock, then come on the correlator's") {
  Fixture fixture;
  fixture.stage->BeginInstance(kNode);
  const NodeEvent event = fixture.EventNow();
  const int64_t true_ns = fixture.clock.NowNs();
  fixture.stage->Take(kNode, {&event, 1});
  fixture.Exchange(4);
  CHECK(fixture.observations.empty());
  CHECK(fixture.stage->StatusOf(kNode).state == ClockState::kSynchronising);
  CHECK(fixture.stage->StatusOf(kNode).waiting_events == 1);
  fixture.Exchange(1);
  CHECK(fixture.stage->StatusOf(kNode).waiting_events == 0);
  REQUIRE(fixture.observations.size() == 1);
  CHECK(fixture.observations[0].signature == 9);
  CHECK(fixture.observations[0].flow == 4);
  CHECK(fixture.observations[0].position == 5);
  CHECK(std::abs(fixture.observations[0].time_ns - true_ns) < 60'000);
  const ClockStatus status = fixture.stage->StatusOf(kNode);
  CHECK(status.state == ClockState::kGood);
  CHECK(std::abs(status.offset_ns - kOffsetNs) <= status.error_bound_ns);
  CHECK(fixture.errors.ErrorBoundNs(kNode) > 90'000);
  // The event is from half a second before the exchange that told the clock: 50 us of drift.
  CHECK(fixture.errors.ErrorBoundNs(kNode) < 150'000);

  const NodeEvent second = fixture.EventNow();
  fixture.stage->Take(kNode, {&second, 1});
  CHECK(fixture.observations.size() == 2);
}

TEST_CASE("What waits is bounded, and the rest counted") {
  Fixture fixture;
  const std::vector<NodeEvent> events(ClockStage::kMaxHeldEvents - 1, fixture.EventNow());
  fixture.stage->Take(kNode, events);
  fixture.stage->Take(kNode, {events.data(), 3});
  CHECK(fixture.stage->StatusOf(kNode).unsynchronised_events == 2);
  fixture.Exchange(5);
  CHECK(fixture.observations.size() == ClockStage::kMaxHeldEvents);
}

TEST_CASE("After a break events wait for the first new exchange") {
  Fixture fixture;
  fixture.Exchange(5);
  fixture.clock.Advance(60 * kSecondNs);
  // What the probe kept during the break is resent before it exchanges.
  NodeEvent event = fixture.EventNow();
  event.node_time_ns -= 30 * kSecondNs;
  fixture.stage->Take(kNode, {&event, 1});
  CHECK(fixture.stage->StatusOf(kNode).state == ClockState::kStale);
  CHECK(fixture.observations.empty());
  fixture.Exchange(1);
  REQUIRE(fixture.observations.size() == 1);
  CHECK(fixture.stage->StatusOf(kNode).unsynchronised_events == 0);
  // 30 s after the exchange that its time was told by: the clock may have drifted 3 ms by then.
  CHECK(fixture.errors.ErrorBoundNs(kNode) > 3'000'000);
  // It holds as long as the event may be in matching, and no longer.
  fixture.Exchange(100);
  CHECK(fixture.errors.ErrorBoundNs(kNode) > 3'000'000);
  fixture.Exchange(40);
  CHECK(fixture.errors.ErrorBoundNs(kNode) < 200'000);
}

TEST_CASE("The published bound grows while no exchange comes") {
  Fixture fixture;
  fixture.Exchange(5);
  const int64_t bound_ns = fixture.errors.ErrorBoundNs(kNode);
  fixture.clock.Advance(4 * kSecondNs);
  const NodeEvent event = fixture.EventNow();
  fixture.stage->Take(kNode, {&event, 1});
  REQUIRE(fixture.observations.size() == 1);
  CHECK(fixture.errors.ErrorBoundNs(kNode) >= bound_ns + 400'000);
}

TEST_CASE("A clock that drifts off during a break is within the bound that is told") {
  // 100 ppm, the most that is allowed for.
  Fixture fixture;
  const auto node_ns = [&](int64_t at_ns) { return at_ns + (at_ns - 1000 * kSecondNs) / 10'000; };
  const auto exchange = [&] {
    fixture.clock.Advance(kSecondNs / 10);
    const int64_t now_ns = fixture.clock.NowNs();
    CHECK(fixture.stage->AddExchange(kNode, {.probe_send_ns = node_ns(now_ns - 200'000),
                                             .correlator_receive_ns = now_ns - 100'000,
                                             .correlator_send_ns = now_ns - 90'000,
                                             .probe_receive_ns = node_ns(now_ns)}));
  };
  for (int i = 0; i < 20; ++i) {
    exchange();
  }
  for (const int64_t break_seconds : {2, 4, 20}) {
    fixture.clock.Advance(break_seconds * kSecondNs);
    const int64_t true_ns = fixture.clock.NowNs() - kSecondNs;
    fixture.observations.clear();
    const NodeEvent event{.signature = 9, .node_time_ns = node_ns(true_ns), .flow = 4};
    fixture.stage->Take(kNode, {&event, 1});
    exchange();
    REQUIRE(fixture.observations.size() == 1);
    CHECK(std::abs(fixture.observations[0].time_ns - true_ns) <=
          fixture.errors.ErrorBoundNs(kNode));
  }
}

TEST_CASE("A slew that an exchange reveals widens the bound of what was told before it") {
  Fixture fixture;
  fixture.stage->BeginInstance(kNode);
  // The node's clock gains what it is slewed by.
  const auto exchange = [&fixture](int64_t slewed_ns) {
    const int64_t now_ns = fixture.clock.NowNs();
    const int64_t node_ns = now_ns - kOffsetNs + slewed_ns;
    CHECK(fixture.stage->AddExchange(kNode, {.probe_send_ns = node_ns - 10'000,
                                             .correlator_receive_ns = now_ns - 6'000,
                                             .correlator_send_ns = now_ns - 5'000,
                                             .probe_receive_ns = node_ns}));
  };
  for (int i = 0; i < 200; ++i) {
    fixture.clock.Advance(kSecondNs / 10);
    exchange(0);
  }
  fixture.clock.Advance(kSecondNs / 10);
  NodeEvent event = fixture.EventNow();
  event.node_time_ns += 50'000;
  fixture.stage->Take(kNode, {&event, 1});
  REQUIRE(fixture.observations.size() == 1);
  const int64_t error_ns = fixture.observations[0].time_ns - fixture.clock.NowNs();
  CHECK(std::abs(error_ns - 50'000) < 5'000);
  CHECK(fixture.errors.ErrorBoundNs(kNode) < error_ns);
  exchange(50'000);
  CHECK(fixture.errors.ErrorBoundNs(kNode) >= error_ns);
  // And is forgotten once nobody can ask for those events any more.
  for (int i = 0; i < 300; ++i) {
    fixture.clock.Advance(kSecondNs / 10);
    exchange(50'000);
    event = fixture.EventNow();
    fixture.stage->Take(kNode, {&event, 1});
  }
  CHECK(fixture.errors.ErrorBoundNs(kNode) < 30'000);
}

TEST_CASE("A new probe instance starts with a new clock") {
  Fixture fixture;
  fixture.Exchange(5);
  fixture.stage->BeginInstance(kNode);
  const NodeEvent event = fixture.EventNow();
  fixture.stage->Take(kNode, {&event, 1});
  CHECK(fixture.observations.empty());
  fixture.stage->BeginInstance(kNode);
  CHECK(fixture.stage->StatusOf(kNode).unsynchronised_events == 1);
}

TEST_CASE("Events older than the matching window are dropped and counted as too late") {
  Fixture fixture;
  fixture.stage = ClockStage::Create(
      fixture.clock, fixture, fixture.errors, [] { return std::make_unique<LinearClockModel>(); },
      10 * kSecondNs);
  fixture.Exchange(5);
  std::vector<NodeEvent> events(3, fixture.EventNow());
  events[0].node_time_ns -= 11 * kSecondNs;
  events[1].node_time_ns -= 9 * kSecondNs;
  fixture.stage->Take(kNode, events);
  CHECK(fixture.observations.size() == 2);
  CHECK(fixture.stage->StatusOf(kNode).too_late_events == 1);
  CHECK(fixture.stage->StatusOf(kNode).out_of_range_events == 0);
}

TEST_CASE("Times that no clock error explains are dropped and counted") {
  Fixture fixture;
  fixture.Exchange(5);
  std::vector<NodeEvent> events(5, fixture.EventNow());
  events[0].node_time_ns = std::numeric_limits<int64_t>::max();
  events[1].node_time_ns = std::numeric_limits<int64_t>::min();
  events[2].node_time_ns -= 7200 * kSecondNs;
  events[3].node_time_ns += 2 * kSecondNs;
  fixture.stage->Take(kNode, events);
  CHECK(fixture.observations.size() == 1);
  CHECK(fixture.stage->StatusOf(kNode).out_of_range_events == 4);
}

TEST_CASE("What waits for a clock is bounded, and the room is told") {
  Fixture fixture;
  fixture.stage->BeginInstance(kNode);
  CHECK(fixture.stage->HeldEvents().used == 0);
  const std::vector<NodeEvent> events(ClockStage::kMaxHeldEvents - 1, fixture.EventNow());
  fixture.stage->Take(kNode, events);
  CHECK(fixture.stage->HeldEvents().used == ClockStage::kMaxHeldEvents - 1);
  CHECK(fixture.stage->HeldEvents().evictions == 0);
  fixture.stage->Take(kNode, std::span(events).first(3));
  CHECK(fixture.stage->HeldEvents().used == fixture.stage->HeldEvents().limit);
  CHECK(fixture.stage->HeldEvents().evictions == 2);
  CHECK(fixture.stage->StatusOf(kNode).unsynchronised_events == 2);
}

}  // namespace
}  // namespace audio_latency::correlator
