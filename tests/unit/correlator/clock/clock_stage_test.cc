#include "correlator/clock/clock_stage.h"

#include <catch2/catch.hpp>
#include <limits>
#include <vector>

#include "correlator/clock/interval_clock_model.h"

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
  std::unique_ptr<ClockStage> stage = ClockStage::Create(
      clock, *this, errors, [] { return std::make_unique<IntervalClockModel>(); });
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
  fixture.Exchange(1);
  REQUIRE(fixture.observations.size() == 1);
  CHECK(fixture.observations[0].signature == 9);
  CHECK(fixture.observations[0].flow == 4);
  CHECK(fixture.observations[0].position == 5);
  CHECK(std::abs(fixture.observations[0].time_ns - true_ns) < 60'000);
  const ClockStatus status = fixture.stage->StatusOf(kNode);
  CHECK(status.state == ClockState::kGood);
  CHECK(std::abs(status.offset_ns - kOffsetNs) <= status.error_bound_ns);
  CHECK(fixture.errors.ErrorBoundNs(kNode) > 90'000);
  CHECK(fixture.errors.ErrorBoundNs(kNode) < 120'000);

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

}  // namespace
}  // namespace audio_latency::correlator
