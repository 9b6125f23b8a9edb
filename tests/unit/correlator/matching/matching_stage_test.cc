#include "correlator/matching/matching_stage.h"

#include <catch2/catch.hpp>
#include <mutex>
#include <vector>

#include "tests/support/eventually.h"
#include "tests/unit/correlator/testing/cluster.h"

namespace audio_latency::correlator {
namespace {

using audio_latency::testing::Eventually;

class Collector final : public MatchSink {
 public:
  void Take(std::vector<Match> matches) override {
    const std::scoped_lock lock(mutex_);
    count_ += matches.size();
  }
  size_t count() const {
    const std::scoped_lock lock(mutex_);
    return count_;
  }

 private:
  mutable std::mutex mutex_;
  size_t count_ = 0;
};

TEST_CASE("Several matchers share the signatures and miss none") {
  for (const uint32_t threads : {1u, 3u}) {
    CAPTURE(threads);
    testing::Cluster cluster;
    cluster.AddPod("a", "caller", "node-a");
    cluster.AddPod("b", "called", "node-b");
    const testing::ConversationFlows flows = cluster.AddConversation("a", "b");
    const ManualClock clock(1'000'000'000'000);
    ManualClock moving(clock.NowNs());
    Collector collector;
    MatchingStageOptions options;
    options.threads = threads;
    options.matcher.table_events = 1u << 16;
    const auto stage = MatchingStage::Start(cluster.flows(), moving, collector, options);
    std::vector<Observation> observations;
    for (uint32_t i = 0; i < 1000; ++i) {
      const uint64_t signature = (i + 1) * 0x9E3779B97F4A7C15;
      for (const FlowId flow : {flows.source_container, flows.destination_container}) {
        observations.push_back(
            {.signature = signature, .time_ns = clock.NowNs(), .flow = flow, .position = i});
      }
    }
    stage->Take(observations);
    REQUIRE(Eventually([&] { return stage->Counters().observations == 2000; }));
    CHECK(collector.count() == 0);
    moving.Advance(1'000'000'000);
    REQUIRE(Eventually([&] { return collector.count() == 1000; }));
    CHECK(Eventually([&] { return stage->Counters().matches == 1000; }));
    CHECK(stage->Counters().queue_full == 0);
  }
}

TEST_CASE("What does not fit into a matcher's queue is dropped and counted") {
  testing::Cluster cluster;
  cluster.AddPod("a", "caller", "node-a");
  cluster.AddPod("b", "called", "node-b");
  const testing::ConversationFlows flows = cluster.AddConversation("a", "b");
  const ManualClock clock(1'000'000'000'000);
  Collector collector;
  MatchingStageOptions options;
  options.max_queued = 100;
  options.matcher.table_events = 1024;
  const auto stage = MatchingStage::Start(cluster.flows(), clock, collector, options);
  stage->Take(std::vector<Observation>(
      101,
      {.signature = 1, .time_ns = clock.NowNs(), .flow = flows.source_container, .position = 1}));
  CHECK(stage->Counters().queue_full == 101);
}

}  // namespace
}  // namespace audio_latency::correlator
