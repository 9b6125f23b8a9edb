// All stages together, from a probe's messages to the path, on nodes whose clocks are hours apart.

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "common/time/clock.h"
#include "common/wire/event_columns.h"
#include "correlator/clock/clock_stage.h"
#include "correlator/clock/linear_clock_model.h"
#include "correlator/ingest/node_table.h"
#include "correlator/matching/matcher.h"
#include "correlator/paths/path_aggregator.h"
#include "tests/unit/correlator/ingest/batches.h"

namespace audio_latency::correlator {
namespace {

constexpr int64_t kMillisecondNs = 1'000'000;
constexpr int64_t kSecondNs = 1'000'000'000;
constexpr int64_t kStartNs = 50'000 * kSecondNs;
constexpr int64_t kTransitNs = 300'000;
constexpr int64_t kProcessingNs = 40 * kMillisecondNs;

class Names final : public EndpointDirectory {
 public:
  Resolution Resolve(const EndpointQuery& query) const override {
    static const std::map<std::string, std::string> names = {
        {"10.0.0.1", "ingress"}, {"10.0.0.2", "processor"}, {"10.0.0.3", "egress"}};
    Resolution resolution;
    Endpoint& endpoint = resolution.endpoint;
    endpoint.address = query.address;
    endpoint.workload = names.at(query.address.ToString());
    endpoint.pod = endpoint.workload + "-1";
    return resolution;
  }
};

// A point of the way: its flow is defined by its probe; the leg tells the conversation.
struct Point {
  size_t node;
  v1::InterfaceRole role;
  v1::Direction direction;
  char leg;
  int64_t after_ns;
};
constexpr int64_t kSecondLegNs = kTransitNs + kProcessingNs;
constexpr std::array<Point, 8> kPoints = {{
    {0, v1::INTERFACE_ROLE_CONTAINER, v1::DIRECTION_INGRESS, 1, 0},
    {0, v1::INTERFACE_ROLE_UPLINK, v1::DIRECTION_EGRESS, 1, 10'000},
    {1, v1::INTERFACE_ROLE_UPLINK, v1::DIRECTION_INGRESS, 1, kTransitNs - 10'000},
    {1, v1::INTERFACE_ROLE_CONTAINER, v1::DIRECTION_EGRESS, 1, kTransitNs},
    {1, v1::INTERFACE_ROLE_CONTAINER, v1::DIRECTION_INGRESS, 2, kSecondLegNs},
    {1, v1::INTERFACE_ROLE_UPLINK, v1::DIRECTION_EGRESS, 2, kSecondLegNs + 10'000},
    {2, v1::INTERFACE_ROLE_UPLINK, v1::DIRECTION_INGRESS, 2, kSecondLegNs + kTransitNs - 10'000},
    {2, v1::INTERFACE_ROLE_CONTAINER, v1::DIRECTION_EGRESS, 2, kSecondLegNs + kTransitNs},
}};

// A probe of one node, whose clock is behind the correlator's by offset_ns.
struct Probe {
  NodeTable::Attachment attachment;
  int64_t offset_ns = 0;
  uint64_t batches = 0;
  std::vector<wire::WireEvent> waiting;
};

class Chain : public ObservationSink {
 public:
  explicit Chain(const std::array<int64_t, 3>& offsets_ns) {
    for (size_t node = 0; node < probes.size(); ++node) {
      probes[node].offset_ns = offsets_ns[node];
      probes[node].attachment =
          *nodes.Attach(MakeHello("node-" + std::to_string(node), "1"), [](const absl::Status&) {});
    }
  }

  void Take(std::span<const Observation> observations) override {
    matcher.Add(observations, clock.NowNs());
  }

  void ExchangeClocks() {
    std::uniform_int_distribution<int64_t> queue_ns(0, 100'000);
    for (Probe& probe : probes) {
      const int64_t up_ns = 50'000 + queue_ns(random);
      const int64_t down_ns = 50'000 + queue_ns(random);
      const int64_t sent_ns = clock.NowNs() - up_ns - down_ns;
      v1::ClockSample sample;
      sample.set_probe_send_time_ns(sent_ns - probe.offset_ns);
      sample.set_correlator_receive_time_ns(sent_ns + up_ns);
      sample.set_correlator_send_time_ns(sent_ns + up_ns);
      sample.set_probe_receive_time_ns(clock.NowNs() - probe.offset_ns);
      nodes.TakeClockSample(probe.attachment, sample, ClockSource::kStream);
    }
  }

  void SendBatches() {
    for (size_t node = 0; node < probes.size(); ++node) {
      Probe& probe = probes[node];
      v1::EventBatch batch;
      batch.set_batch_number(++probe.batches);
      std::vector<uint64_t> flow_ids;
      for (size_t i = 0; i < kPoints.size(); ++i) {
        if (probe.batches == 1) {
          Define(i, node, &batch);
        }
        flow_ids.push_back(i + 1);
      }
      flow_ids.erase(std::remove_if(flow_ids.begin(), flow_ids.end(),
                                    [&](uint64_t id) { return kPoints[id - 1].node != node; }),
                     flow_ids.end());
      for (wire::WireEvent& event : probe.waiting) {
        event.flow_index = static_cast<uint32_t>(
            std::find(flow_ids.begin(), flow_ids.end(), event.flow_index + 1) - flow_ids.begin());
      }
      const std::vector<uint8_t> flow_is_rtp(flow_ids.size(), 0);
      REQUIRE(wire::Encode(probe.waiting, flow_ids, flow_is_rtp, batch.mutable_columns()).ok());
      probe.waiting.clear();
      nodes.TakeBatch(probe.attachment, batch);
    }
    std::vector<Match> matches;
    matcher.Decide(clock.NowNs(), &matches);
    aggregator.Take(std::make_shared<const std::vector<Match>>(std::move(matches)), clock.NowNs());
    aggregator.Tick(clock.NowNs());
  }

  ManualClock clock{kStartNs};
  std::mt19937_64 random{3};
  Names names;
  ClockErrorBoard clock_errors;
  std::unique_ptr<FlowRegistry> flows = FlowRegistry::Create(names, 100);
  Matcher matcher{*flows, MatcherOptions()};
  PathAggregator aggregator{flows.get(), &clock_errors, 100};
  std::unique_ptr<ClockStage> clocks = ClockStage::Create(
      clock, *this, clock_errors, [] { return std::make_unique<LinearClockModel>(); });
  NodeTable nodes{flows.get(), clocks.get(), &clock, &clock, IngestLimits{}};
  std::array<Probe, 3> probes;

 private:
  static void Define(size_t i, size_t node, v1::EventBatch* batch) {
    const Point& point = kPoints[i];
    if (point.node != node) {
      return;
    }
    v1::InterfaceDefinition* const interface = batch->add_interfaces();
    interface->set_interface_index(static_cast<uint32_t>(i + 1));
    interface->set_name("if" + std::to_string(i));
    interface->set_role(point.role);
    v1::FlowDefinition* const flow = batch->add_flows();
    flow->set_flow_id(i + 1);
    flow->set_interface_index(static_cast<uint32_t>(i + 1));
    flow->set_direction(point.direction);
    flow->set_source_address(std::string{10, 0, 0, point.leg});
    flow->set_destination_address(std::string{10, 0, 0, static_cast<char>(point.leg + 1)});
    flow->set_source_port(40'000);
    flow->set_destination_port(5000);
    flow->set_transport(6);
  }
};

TEST_CASE("One path comes out, with true delays, whatever the nodes' clocks show") {
  Chain chain({0, 7'200 * kSecondNs, -3 * kSecondNs});
  constexpr int64_t kStepNs = 20 * kMillisecondNs;
  constexpr int kSteps = 50 * 20;
  for (int step = 0; step < kSteps; ++step) {
    // The audio begins with the probes, when their clocks are not known yet.
    const uint64_t signature = chain.random();
    for (size_t i = 0; i < kPoints.size(); ++i) {
      wire::WireEvent event;
      event.signature = signature;
      event.time_ns = chain.clock.NowNs() - 50 * kMillisecondNs + kPoints[i].after_ns -
                      chain.probes[kPoints[i].node].offset_ns;
      event.flow_index = static_cast<uint32_t>(i);
      event.position = static_cast<uint32_t>(step) * 640;
      event.is_signed = true;
      chain.probes[kPoints[i].node].waiting.push_back(event);
    }
    if (step % 5 == 0) {
      chain.ExchangeClocks();
      chain.SendBatches();
    }
    chain.clock.Advance(kStepNs);
  }
  chain.clock.Advance(kSecondNs);
  chain.SendBatches();

  const auto state = chain.aggregator.State(chain.clock.NowNs(), 0);
  REQUIRE(state->paths[0].size() == 1);
  const PathSnapshot& path = state->paths[0][0];
  CHECK(path.path == "ingress > processor > egress");
  CHECK(path.coverage == 1);
  // All but the run that locks, and what was on the way at the end.
  CHECK(path.delay.count > kSteps - 30);
  const auto check = [](const DelaySnapshot& delay, int64_t true_ns) {
    const double truth = static_cast<double>(true_ns) * 1e-9;
    CHECK(delay.min_seconds >= truth - delay.error_bound_seconds);
    CHECK(delay.max_seconds <= truth + delay.error_bound_seconds);
  };
  check(path.delay, kSecondLegNs + kTransitNs);
  REQUIRE(path.hops.size() == 3);
  check(path.hops[0].delay, kTransitNs);
  check(path.hops[1].delay, kProcessingNs);
  check(path.hops[2].delay, kTransitNs);
  CHECK(path.delay.error_bound_seconds < 1e-3);
  CHECK(path.hops[1].delay.error_bound_seconds < 5e-6);
  CHECK(chain.matcher.counters().collisions == 0);
  for (const NodeSnapshot& node : chain.nodes.Nodes()) {
    CHECK(node.clock_state == ClockState::kGood);
    CHECK(node.lost_share == 0);
  }
}

}  // namespace
}  // namespace audio_latency::correlator
