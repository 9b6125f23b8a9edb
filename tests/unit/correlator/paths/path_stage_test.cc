#include "correlator/paths/path_stage.h"

#include <catch2/catch.hpp>
#include <chrono>
#include <memory>
#include <thread>
#include <vector>

#include "correlator/paths/match_log.h"
#include "tests/support/eventually.h"
#include "tests/unit/correlator/testing/cluster.h"

namespace audio_latency::correlator {
namespace {

using audio_latency::testing::Eventually;

constexpr int64_t kSecondNs = 1'000'000'000;

class Fixture {
 public:
  Fixture() {
    cluster.AddPod("ingress-1", "ingress", "node-a");
    cluster.AddPod("egress-1", "egress", "node-b");
    flows = cluster.AddConversation("ingress-1", "egress-1");
  }
  Match MakeMatch(uint64_t signature) const {
    Passage passage;
    passage.conversation = flows.conversation;
    passage.first = {.flow = flows.source_container, .time_ns = monotonic.NowNs()};
    passage.last = {.flow = flows.destination_container, .time_ns = monotonic.NowNs() + 1'000'000};
    passage.source_seen = true;
    passage.destination_seen = true;
    return {.signature = signature, .passages = {passage}};
  }
  std::unique_ptr<PathStage> Start(const PathStageOptions& options = {}) {
    return PathStage::Start(cluster.flows(), clock_errors, monotonic, realtime, options);
  }

  testing::Cluster cluster;
  testing::ConversationFlows flows;
  ClockErrorBoard clock_errors;
  ManualClock monotonic{1000 * kSecondNs};
  ManualClock realtime{1'700'000'000 * kSecondNs};
};

TEST_CASE("Readers see what the aggregator made, soon") {
  Fixture fixture;
  const auto stage = fixture.Start();
  stage->Take({fixture.MakeMatch(5), fixture.MakeMatch(6)});
  CHECK(Eventually([&] {
    fixture.monotonic.Advance(100'000'000);
    return stage->Paths(0).size() == 1 && stage->Hops(0).size() == 1;
  }));
  CHECK(stage->Paths(0)[0].path == "ingress > egress");
  CHECK(stage->Paths(60)[0].delay.count == 2);
  CHECK(stage->Paths(0)[0].last_seen_unix_ns > 1'699'999'990 * kSecondNs);
  REQUIRE(stage->Newest("").has_value());
  CHECK(stage->Newest("ingress > egress")->signature == 6);
  CHECK_FALSE(stage->Newest("no > such").has_value());
  REQUIRE(stage->Find(5).size() == 1);
  CHECK(stage->Find(5)[0].passages[0].conversation == fixture.flows.conversation);
  CHECK(stage->Find(7).empty());
  // The flows' numbers may mean others by then.
  fixture.monotonic.Advance(60 * kSecondNs);
  CHECK(stage->Find(5).empty());
  CHECK_FALSE(stage->Newest("").has_value());
}

TEST_CASE("A window that nobody asked for is made when somebody does") {
  Fixture fixture;
  const auto stage = fixture.Start();
  stage->Take({fixture.MakeMatch(5)});
  CHECK(Eventually([&] {
    fixture.monotonic.Advance(100'000'000);
    return stage->Paths(0).size() == 1;
  }));
  // On a clock that stands still nothing is published by itself.
  for (const uint32_t window_seconds : {10u, 30u, 60u}) {
    REQUIRE(stage->Paths(window_seconds).size() == 1);
    CHECK(stage->Hops(window_seconds).size() == 1);
  }
}

TEST_CASE("Matches beyond the queue are dropped and counted") {
  Fixture fixture;
  const auto stage = fixture.Start({.max_series = 10, .max_queued = 3});
  stage->Take(std::vector<Match>(4, fixture.MakeMatch(1)));
  CHECK(stage->Drops().back() == std::pair<std::string, double>("match_queue_full", 4));
}

TEST_CASE("A subscription gets every match; a slow one loses the oldest and is told how many") {
  Fixture fixture;
  MatchLog log(&fixture.monotonic);
  const auto quick = log.Subscribe();
  const auto slow = log.Subscribe();
  std::vector<Match> matches;
  uint64_t skipped = 0;
  for (uint64_t i = 0; i < 40; ++i) {
    log.Append(std::make_shared<const std::vector<Match>>(1000, fixture.MakeMatch(i)));
    REQUIRE(quick->Next(1000, &matches, &skipped));
    CHECK(skipped == 0);
  }
  CHECK(matches.size() == 40'000);
  matches.clear();
  REQUIRE(slow->Next(1000, &matches, &skipped));
  CHECK(matches.size() == 16'000);
  CHECK(skipped == 24'000);
  CHECK(matches.back().signature == 39);
  REQUIRE(slow->Next(1, &matches, &skipped));
  CHECK(skipped == 0);
}

TEST_CASE("A subscription that waits can be cancelled, and may outlive the log") {
  Fixture fixture;
  auto log = std::make_unique<MatchLog>(&fixture.monotonic);
  const auto subscription = log->Subscribe();
  std::thread canceller([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    subscription->Cancel();
  });
  std::vector<Match> matches;
  uint64_t skipped = 0;
  CHECK_FALSE(subscription->Next(60'000, &matches, &skipped));
  canceller.join();
  log.reset();
}

TEST_CASE("The log keeps the newest matches only") {
  Fixture fixture;
  MatchLog log(&fixture.monotonic);
  log.Append(std::make_shared<const std::vector<Match>>(1, fixture.MakeMatch(1)));
  CHECK(log.Find(1).size() == 1);
  for (size_t i = 0; i < MatchLog::kMaxMatches / 1000 + 1; ++i) {
    log.Append(std::make_shared<const std::vector<Match>>(1000, fixture.MakeMatch(2)));
  }
  CHECK(log.Find(1).empty());
  CHECK(log.Find(2).size() == MatchLog::kMaxFound);
}

}  // namespace
}  // namespace audio_latency::correlator
