// The real monitor over a real matching stage whose sink is slow.

#include "correlator/load/load_monitor.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "correlator/matching/matching_stage.h"
#include "tests/support/eventually.h"
#include "tests/support/recording_logger.h"

namespace audio_latency::correlator {
namespace {

using testing::Eventually;
using testing::RecordingLogger;

// Takes its time for every block.
class SlowSink final : public MatchSink {
 public:
  void Take(std::vector<Match>) override { std::this_thread::sleep_for(delay.load()); }
  std::atomic<std::chrono::milliseconds> delay{std::chrono::milliseconds(0)};
};

TEST_CASE("a slow sink lowers what is asked for, and that is raised when it is quick again") {
  const MonotonicClock clock;
  const std::unique_ptr<EndpointDirectory> directory = MakeEmptyDirectory();
  const std::unique_ptr<FlowRegistry> flows = FlowRegistry::Create(*directory, 10);
  std::vector<FlowId> ids;
  for (const Direction direction : {Direction::kEgress, Direction::kIngress}) {
    FlowDescription flow;
    flow.node = *flows->InternNode(direction == Direction::kEgress ? "node-a" : "node-b");
    flow.direction = direction;
    flow.source = *IpAddress::Parse("10.0.0.1");
    flow.destination = *IpAddress::Parse("10.0.0.2");
    flow.transport = 6;
    ids.push_back(*flows->Add(flow, 0));
  }
  SlowSink sink;
  MatchingStageOptions options;
  options.matcher.table_events = 1u << 16;
  options.matcher.hold_ns = 100'000'000;
  const std::unique_ptr<MatchingStage> matching =
      MatchingStage::Start(*flows, clock, sink, options);

  // Audio that passes both nodes, until the end of the test.
  std::atomic<uint64_t> events = 0;
  std::jthread feeder([&](const std::stop_token& stop) {
    for (uint64_t signature = 1; !stop.stop_requested(); ++signature) {
      const int64_t now_ns = clock.NowNs();
      matching->Take(std::vector<Observation>{
          {.signature = signature * 0x9E3779B97F4A7C15, .time_ns = now_ns, .flow = ids[0]},
          {.signature = signature * 0x9E3779B97F4A7C15, .time_ns = now_ns, .flow = ids[1]}});
      events += 2;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  });

  RecordingLogger logger;
  std::atomic<uint32_t> told = kSamplingAll;
  LoadControlOptions load_options;
  load_options.step_spacing_ns = 100'000'000;
  load_options.patience_ns = 300'000'000;
  load_options.calm_wait_ns = 400'000'000;
  load_options.overloaded_wait_ns = 600'000'000;
  const std::unique_ptr<LoadMonitor> monitor = LoadMonitor::Start(
      load_options,
      {.view =
           [&] {
             return LoadView{.backlog = matching->CurrentBacklog(), .taken_events = events.load()};
           },
       .tell = [&](const LoadDecision& decision) { told = decision.sampling_threshold; }},
      &clock, &logger);

  sink.delay = std::chrono::milliseconds(1500);
  CHECK(Eventually([&] { return told < kSamplingAll; }));
  CHECK(Eventually([&] { return logger.Has("correlator_overloaded"); }));
  CHECK(monitor->Load().sampling_share < 1);
  CHECK(monitor->Load().lowered > 0);

  sink.delay = std::chrono::milliseconds(0);
  CHECK(Eventually([&] { return told == kSamplingAll; }));
  CHECK(Eventually([&] { return logger.Has("correlator_relieved"); }));
  CHECK(Eventually([&] { return monitor->Load().sampling_share == 1; }));
}

}  // namespace
}  // namespace audio_latency::correlator
