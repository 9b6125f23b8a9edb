#include "correlator/ingest/node_table.h"

#include <catch2/catch.hpp>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "common/status/status_macros.h"
#include "tests/unit/correlator/ingest/batches.h"
#include "tests/unit/correlator/ingest/recording_sink.h"

namespace audio_latency::correlator {
namespace {

using Catch::Matchers::Contains;

constexpr int64_t kSecondNs = 1'000'000'000;

class Fixture {
 public:
  explicit Fixture(const IngestLimits& limits = {}, uint32_t max_flows = 1000)
      : flows(FlowRegistry::Create(*directory, max_flows)),
        table(flows.get(), &sink, &realtime, &clock, limits) {}

  NodeTable::Attachment Attach(const std::string& node, const std::string& instance) {
    auto attachment = table.Attach(MakeHello(node, instance), [this](const absl::Status& why) {
      ended.push_back(Message(why));
    });
    REQUIRE(attachment.ok());
    return *attachment;
  }
  double Error(const std::string& name) const {
    for (const auto& [error, count] : table.Errors()) {
      if (error == name) {
        return count;
      }
    }
    FAIL("no such error: " << name);
    return -1;
  }
  double Drop(const std::string& cause) const {
    double count = 0;
    const NodeSnapshot node = table.Nodes().at(0);
    for (const NodeSnapshot::Drop& drop : node.drops) {
      count += drop.cause == cause ? drop.count : 0;
    }
    return count;
  }

  ManualClock realtime{1'700'000'000 * kSecondNs};
  ManualClock clock{1000 * kSecondNs};
  RecordingSink sink;
  std::unique_ptr<EndpointDirectory> directory = MakeEmptyDirectory();
  std::unique_ptr<FlowRegistry> flows;
  NodeTable table;
  std::vector<std::string> ended;
};

TEST_CASE("A batch's events come out with the flow's number, and are acknowledged") {
  Fixture fixture;
  const auto probe = fixture.Attach("node-a", "1");
  CHECK(probe.acknowledged_batch_number == 0);
  v1::EventBatch batch = MakeBatch(1, {7});
  AddEvents({11, 22, 33}, 7, &batch);
  CHECK(fixture.table.TakeBatch(probe, batch) == 1);
  const std::vector<NodeEvent> events = fixture.sink.events();
  REQUIRE(events.size() == 3);
  CHECK(events[1].signature == 22);
  CHECK(events[1].position == 200);
  CHECK(std::abs(events[1].node_time_ns - 1'002'048'000) <= wire::kTimeUnitNs / 2);
  CHECK(fixture.flows->Description(events[1].flow).source_port == 7);

  const NodeSnapshot node = fixture.table.Nodes().at(0);
  CHECK(node.node == "node-a");
  CHECK(node.instance == "1");
  CHECK(node.version == "1.2.3");
  CHECK(node.connected);
  CHECK(node.events == 3);
  CHECK(node.flows == 1);
  CHECK(node.lost_share == 0);
  CHECK(node.clock_offset_seconds == 5);
  REQUIRE(fixture.table.Signatures().size() == 1);
  CHECK(fixture.table.Signatures()[0].pod == "10.0.0.1");
  CHECK(fixture.table.Signatures()[0].count == 3);
}

TEST_CASE("A batch that comes twice counts once, and a missing one is counted") {
  Fixture fixture;
  const auto probe = fixture.Attach("node-a", "1");
  v1::EventBatch batch = MakeBatch(1, {7});
  AddEvents({11}, 7, &batch);
  fixture.table.TakeBatch(probe, batch);
  CHECK(fixture.table.TakeBatch(probe, batch) == 1);
  CHECK(fixture.sink.events().size() == 1);
  CHECK(fixture.Error("duplicate_batch") == 1);

  v1::EventBatch late = MakeBatch(5, {});
  AddEvents({12}, 7, &late);
  CHECK(fixture.table.TakeBatch(probe, late) == 5);
  CHECK(fixture.Error("missing_batch") == 3);
  CHECK(fixture.sink.events().size() == 2);
}

TEST_CASE("What a probe had not sent when it died is counted as lost, and told apart") {
  Fixture fixture;
  const auto first = fixture.Attach("node-a", "1");
  v1::EventBatch batch = MakeBatch(1, {7});
  AddEvents({11, 12}, 7, &batch);
  batch.set_pending_events(5);
  fixture.table.TakeBatch(first, batch);
  batch = MakeBatch(2, {});
  batch.set_pending_events(3);
  fixture.table.TakeBatch(first, batch);
  CHECK(fixture.Drop("probe_died") == 0);
  fixture.table.Detach(first);
  // The same instance comes back: nothing is lost.
  fixture.table.Detach(fixture.Attach("node-a", "1"));
  CHECK(fixture.Drop("probe_died") == 0);
  fixture.Attach("node-a", "2");
  CHECK(fixture.Drop("probe_died") == 3);
  CHECK(fixture.table.Nodes().at(0).lost_share == Approx(0.6));
  // One that ended in order had nothing left.
  fixture.Attach("node-a", "3");
  CHECK(fixture.Drop("probe_died") == 3);
}

TEST_CASE("What a probe that stays away had not sent is given up, until it comes back") {
  Fixture fixture;
  auto probe = fixture.Attach("node-a", "1");
  v1::EventBatch batch = MakeBatch(1, {7});
  AddEvents({11, 12}, 7, &batch);
  fixture.table.TakeBatch(probe, batch);
  // A clock report is newer than the batch.
  v1::ClockReport report;
  report.set_pending_events(6);
  fixture.table.TakeClockReport(probe, report);
  fixture.table.Detach(probe);
  fixture.clock.Advance(59 * kSecondNs);
  fixture.table.Sweep();
  CHECK(fixture.Drop("probe_died") == 0);
  fixture.clock.Advance(20 * kSecondNs);
  fixture.table.Sweep();
  CHECK(fixture.Drop("probe_died") == 6);
  fixture.clock.Advance(20 * kSecondNs);
  fixture.table.Sweep();
  CHECK(fixture.Drop("probe_died") == 6);
  // It was only the network: what it brings is not counted twice.
  probe = fixture.Attach("node-a", "1");
  CHECK(fixture.Drop("probe_died") == 0);
  batch = MakeBatch(2, {});
  AddEvents({1, 2, 3, 4, 5}, 7, &batch);
  *batch.mutable_flows() = MakeBatch(2, {7}).flows();
  batch.set_pending_events(1);
  fixture.table.TakeBatch(probe, batch);
  CHECK(fixture.table.Nodes().at(0).events == 7);
  fixture.Attach("node-a", "2");
  CHECK(fixture.Drop("probe_died") == 1);
}

TEST_CASE("How much the probes make is told apart from when it comes") {
  Fixture fixture;
  auto probe = fixture.Attach("node-a", "1");
  const auto report = [&](uint64_t pending) {
    v1::ClockReport message;
    message.set_pending_events(pending);
    fixture.table.TakeClockReport(probe, message);
  };
  v1::EventBatch batch = MakeBatch(1, {7});
  AddEvents({1, 2, 3}, 7, &batch);
  report(1000);
  CHECK(fixture.table.Load().events_made == 0);
  CHECK(fixture.table.Load().pending_events == 1000);
  // Three of them come: nothing was made.
  fixture.table.TakeBatch(probe, batch);
  report(997);
  CHECK(fixture.table.Load().events_made == 0);
  CHECK(fixture.table.Load().events_taken == 3);
  CHECK(fixture.table.Load().batches_taken == 1);
  report(1007);
  CHECK(fixture.table.Load().events_made == 10);
  // What was made during a break came about when nobody could tell how fast.
  fixture.table.Detach(probe);
  CHECK(fixture.table.Load().probes == 0);
  CHECK(fixture.table.Load().pending_events == 0);
  probe = fixture.Attach("node-a", "1");
  report(50'000);
  CHECK(fixture.table.Load().events_made == 10);
  CHECK(fixture.table.Load().probes == 1);
  report(50'005);
  CHECK(fixture.table.Load().events_made == 15);
}

TEST_CASE("Every probe is told when the flow control changes, and what it kept is shown") {
  Fixture fixture;
  std::vector<FlowControl> told;
  const auto probe = fixture.table.Attach(
      MakeHello("node-a", "1"), [](const absl::Status&) {},
      [&](const FlowControl& flow_control) { told.push_back(flow_control); });
  REQUIRE(probe.ok());
  fixture.table.TakeBatch(*probe, MakeBatch(1, {}));
  CHECK(fixture.table.Nodes().at(0).sampling_share == 1);
  fixture.table.SetFlowControl(kSamplingAll >> 1, 0);
  REQUIRE(told.size() == 1);
  CHECK(told[0].acknowledged_batch_number == 1);
  CHECK(told[0].credit_batches == 0);
  CHECK(told[0].sampling_threshold == kSamplingAll >> 1);
  CHECK(fixture.table.FlowControlAt(7).acknowledged_batch_number == 7);
  CHECK(fixture.table.FlowControlAt(7).credit_batches == 0);
  v1::EventBatch batch = MakeBatch(2, {});
  batch.set_sampling_threshold(kSamplingAll >> 1);
  fixture.table.TakeBatch(*probe, batch);
  CHECK(fixture.table.Nodes().at(0).sampling_share == 0.5);
  fixture.table.SetFlowControl(kSamplingAll, kMostCreditBatches);
  REQUIRE(told.size() == 2);
  CHECK(told[1].credit_batches == kMostCreditBatches);
  fixture.table.Detach(*probe);
  fixture.table.SetFlowControl(kSamplingAll, 0);
  CHECK(told.size() == 2);
}

TEST_CASE("After a break the probe goes on where it was") {
  Fixture fixture;
  const auto first = fixture.Attach("node-a", "1");
  v1::EventBatch batch = MakeBatch(1, {7});
  AddEvents({11}, 7, &batch);
  fixture.table.TakeBatch(first, batch);
  fixture.table.Detach(first);
  CHECK_FALSE(fixture.table.Nodes().at(0).connected);
  const auto second = fixture.Attach("node-a", "1");
  CHECK(second.acknowledged_batch_number == 1);
  CHECK(fixture.sink.instances() == 1);
  // Defined again: the same flow.
  v1::EventBatch next = MakeBatch(2, {7});
  AddEvents({12}, 7, &next);
  fixture.table.TakeBatch(second, next);
  REQUIRE(fixture.sink.events().size() == 2);
  CHECK(fixture.sink.events()[0].flow == fixture.sink.events()[1].flow);
  CHECK(fixture.flows->flow_count() == 1);
}

TEST_CASE("A restarted probe starts anew") {
  Fixture fixture;
  const auto first = fixture.Attach("node-a", "1");
  v1::EventBatch batch = MakeBatch(1, {7});
  AddEvents({11}, 7, &batch);
  fixture.table.TakeBatch(first, batch);
  fixture.table.Detach(first);
  const auto second = fixture.Attach("node-a", "2");
  CHECK(second.acknowledged_batch_number == 0);
  CHECK(fixture.sink.instances() == 2);
  CHECK(fixture.flows->flow_count() == 0);
  CHECK(fixture.ended.empty());
  fixture.table.TakeBatch(second, batch);
  CHECK(fixture.sink.events().size() == 2);
}

TEST_CASE("Of two probes of one node the newer wins, and the older is told why") {
  Fixture fixture;
  const auto older = fixture.Attach("node-a", "1");
  const auto newer = fixture.Attach("node-a", "2");
  REQUIRE(fixture.ended.size() == 1);
  CHECK_THAT(fixture.ended[0],
             Contains("node-a") && Contains("instance 2") && Contains("K8S_NODE_NAME"));
  CHECK(fixture.Error("probe_superseded") == 1);
  // What the older still has on the way is refused.
  v1::EventBatch batch = MakeBatch(1, {7});
  AddEvents({11}, 7, &batch);
  // Nothing is acknowledged that nobody took.
  CHECK_FALSE(fixture.table.TakeBatch(older, batch).has_value());
  CHECK(fixture.sink.events().empty());
  // It may not push the newer one out by connecting again.
  const auto refused = fixture.table.Attach(MakeHello("node-a", "1"), [](const absl::Status&) {});
  REQUIRE_FALSE(refused.ok());
  CHECK(absl::IsAlreadyExists(refused.status()));
  fixture.table.Detach(older);
  CHECK(fixture.table.Nodes().at(0).connected);
  fixture.table.Detach(newer);
  CHECK(fixture.table.Attach(MakeHello("node-a", "1"), [](const absl::Status&) {}).ok());
}

TEST_CASE("Probes are bounded") {
  Fixture fixture({.max_probes = 2});
  const auto a = fixture.Attach("a", "1");
  fixture.Attach("b", "1");
  const auto refused = fixture.table.Attach(MakeHello("c", "1"), [](const absl::Status&) {});
  REQUIRE_FALSE(refused.ok());
  CHECK(absl::IsResourceExhausted(refused.status()));
  CHECK_THAT(Message(refused.status()), Contains("MAX_PROBES"));
  fixture.table.Detach(a);
  // Nodes that went are forgotten in time.
  for (int i = 0; i < 50; ++i) {
    fixture.clock.Advance(kSecondNs);
    fixture.table.Detach(fixture.Attach("node-" + std::to_string(i), "1"));
  }
  CHECK(fixture.table.Nodes().size() == 8);
}

TEST_CASE("A probe without a name is refused") {
  Fixture fixture;
  for (const auto& hello :
       {MakeHello("", "1"), MakeHello("a", ""), MakeHello(std::string(300, 'a'), "1")}) {
    const auto refused = fixture.table.Attach(hello, [](const absl::Status&) {});
    REQUIRE_FALSE(refused.ok());
    CHECK(absl::IsInvalidArgument(refused.status()));
  }
}

TEST_CASE("Bad definitions are refused one by one") {
  const auto break_flow = [](int how, v1::FlowDefinition* flow) {
    switch (how) {
      case 0:
        flow->set_flow_id(0);
        break;
      case 1:
        flow->set_interface_index(99);
        break;
      case 2:
        flow->set_direction(v1::DIRECTION_UNSPECIFIED);
        break;
      case 3:
        flow->set_source_address("abc");
        break;
      case 4:
        flow->set_destination_address(std::string(17, 'x'));
        break;
      case 5:
        flow->set_source_port(65536);
        break;
      case 6:
        flow->set_destination_port(1u << 31);
        break;
      case 7:
        flow->set_transport(1);
        break;
      default:
        flow->set_is_rtp(true);
        break;  // over TCP
    }
  };
  for (int how = 0; how <= 8; ++how) {
    CAPTURE(how);
    Fixture fixture;
    const auto probe = fixture.Attach("node-a", "1");
    v1::EventBatch batch = MakeBatch(1, {7, 8});
    break_flow(how, batch.mutable_flows(0));
    AddEvents({11}, 8, &batch);
    fixture.table.TakeBatch(probe, batch);
    CHECK(fixture.Error("invalid_definition") == 1);
    CHECK(fixture.sink.events().size() == 1);
    CHECK(fixture.flows->flow_count() == 1);
  }
  Fixture fixture;
  const auto probe = fixture.Attach("node-a", "1");
  v1::EventBatch batch = MakeBatch(1, {7});
  batch.mutable_interfaces(0)->set_name(std::string(65, 'x'));
  fixture.table.TakeBatch(probe, batch);
  // The interface, and the flow on it.
  CHECK(fixture.Error("invalid_definition") == 2);
}

TEST_CASE("A message of many bad parts costs no more than the first of them, and all are counted") {
  Fixture fixture;
  const auto probe = fixture.Attach("node-a", "1");
  v1::EventBatch batch = MakeBatch(1, {});
  for (int i = 0; i < 500; ++i) {
    batch.add_flows();
  }
  // Not looked at any more.
  *batch.add_flows() = MakeBatch(1, {7}).flows(0);
  fixture.table.TakeBatch(probe, batch);
  CHECK(fixture.Error("invalid_definition") == 501);
  CHECK(fixture.flows->flow_count() == 0);

  v1::EventBatch full = MakeBatch(2, {});
  for (int i = 0; i < 65'536; ++i) {
    full.add_flows();
  }
  fixture.table.TakeBatch(probe, full);
  CHECK(fixture.Error("invalid_definition") == 501 + 65'537);

  v1::EventBatch columns = MakeBatch(3, {7});
  AddEvents({11}, 7, &columns);
  for (int i = 0; i < 65'536; ++i) {
    columns.mutable_columns()->add_flow_ids(7);
  }
  fixture.table.TakeBatch(probe, columns);
  CHECK(fixture.Error("malformed_batch") == 1);
  CHECK(fixture.sink.events().empty());
}

TEST_CASE("A flow's number does not change its meaning") {
  Fixture fixture;
  const auto probe = fixture.Attach("node-a", "1");
  fixture.table.TakeBatch(probe, MakeBatch(1, {7}));
  v1::EventBatch other = MakeBatch(2, {7});
  other.mutable_flows(0)->set_destination_port(6000);
  fixture.table.TakeBatch(probe, other);
  CHECK(fixture.Error("invalid_definition") == 1);
  CHECK(fixture.flows->flow_count() == 1);
}

TEST_CASE("Interfaces without a role or a name are observation points like others") {
  Fixture fixture;
  const auto probe = fixture.Attach("node-a", "1");
  v1::EventBatch batch = MakeBatch(1, {7, 8});
  batch.mutable_interfaces(0)->set_name("lo");
  batch.mutable_interfaces(0)->set_role(v1::INTERFACE_ROLE_UNSPECIFIED);
  // One conversation, as lo shows it: out and in again.
  batch.mutable_flows(1)->set_source_port(7);
  batch.mutable_flows(1)->set_direction(v1::DIRECTION_INGRESS);
  v1::InterfaceDefinition* const gone = batch.add_interfaces();
  gone->set_interface_index(12);
  v1::FlowDefinition* const flow = batch.add_flows();
  *flow = batch.flows(0);
  flow->set_flow_id(9);
  flow->set_interface_index(12);
  flow->set_source_port(9);
  AddEvents({11, 12}, 7, &batch);
  fixture.table.TakeBatch(probe, batch);
  v1::EventBatch next = MakeBatch(2, {});
  next.clear_interfaces();
  AddEvents({11, 12}, 8, &next);
  fixture.table.TakeBatch(probe, next);
  next.set_batch_number(3);
  AddEvents({13}, 9, &next);
  fixture.table.TakeBatch(probe, next);
  CHECK(fixture.Error("invalid_definition") == 0);
  CHECK(fixture.Error("unknown_flow") == 0);
  const std::vector<NodeEvent> events = fixture.sink.events();
  REQUIRE(events.size() >= 5);
  const FlowRecord& out = fixture.flows->Record(events[0].flow);
  const FlowRecord& in = fixture.flows->Record(events[2].flow);
  CHECK(out.conversation == in.conversation);
  CHECK(out.direction == Direction::kEgress);
  CHECK(in.direction == Direction::kIngress);
  CHECK(fixture.flows->Description(events[0].flow).interface_name == "lo");
  CHECK(fixture.flows->Description(events.back().flow).interface_name == "if12");
}

TEST_CASE("A pod's signatures are counted once, however many interfaces see them") {
  struct Point {
    uint32_t interface_index;
    v1::Direction direction;
    double counted;
  };
  constexpr uint32_t kUplink = 1, kVeth = 2, kBridge = 3, kLoopback = 4;
  const struct {
    const char* what;
    std::vector<Point> points;
  } cases[] = {
      {"a pod sends to another node",
       {{kVeth, v1::DIRECTION_INGRESS, 1},
        {kBridge, v1::DIRECTION_INGRESS, 0},
        {kUplink, v1::DIRECTION_EGRESS, 0}}},
      {"a pod's first sight is the uplink",
       {{kUplink, v1::DIRECTION_EGRESS, 0}, {kVeth, v1::DIRECTION_INGRESS, 1}}},
      {"a pod receives from another node",
       {{kUplink, v1::DIRECTION_INGRESS, 0},
        {kBridge, v1::DIRECTION_EGRESS, 0},
        {kVeth, v1::DIRECTION_EGRESS, 0}}},
      {"the node itself sends", {{kUplink, v1::DIRECTION_EGRESS, 1}}},
      {"through lo", {{kLoopback, v1::DIRECTION_EGRESS, 1}, {kLoopback, v1::DIRECTION_INGRESS, 0}}},
  };
  for (const auto& example : cases) {
    CAPTURE(example.what);
    Fixture fixture;
    const auto probe = fixture.Attach("node-a", "1");
    v1::EventBatch definitions = MakeBatch(1, {});
    for (const uint32_t index : {kVeth, kBridge, kLoopback}) {
      v1::InterfaceDefinition* const interface = definitions.add_interfaces();
      interface->set_interface_index(index);
      interface->set_name("interface-" + std::to_string(index));
      interface->set_role(index == kVeth ? v1::INTERFACE_ROLE_CONTAINER
                                         : v1::INTERFACE_ROLE_UNSPECIFIED);
    }
    for (size_t i = 0; i < example.points.size(); ++i) {
      v1::FlowDefinition* const flow = definitions.add_flows();
      *flow = MakeBatch(1, {7}).flows(0);
      flow->set_flow_id(i + 1);
      flow->set_interface_index(example.points[i].interface_index);
      flow->set_direction(example.points[i].direction);
    }
    fixture.table.TakeBatch(probe, definitions);
    double counted = 0;
    for (size_t i = 0; i < example.points.size(); ++i) {
      v1::EventBatch batch = MakeBatch(2 + i, {});
      AddEvents({11, 12, 13}, i + 1, &batch);
      fixture.table.TakeBatch(probe, batch);
      counted += 3 * example.points[i].counted;
      CAPTURE(i);
      const auto signatures = fixture.table.Signatures();
      CHECK((signatures.empty() ? 0 : signatures[0].count) == counted);
    }
    CHECK(fixture.sink.events().size() == 3 * example.points.size());
  }
}

TEST_CASE("Events of an unknown flow make the probe define its flows anew, and nothing is lost") {
  Fixture fixture;
  const auto probe = fixture.Attach("node-a", "1");
  fixture.table.TakeBatch(probe, MakeBatch(1, {7}));
  v1::EventBatch batch = MakeBatch(2, {});
  AddEvents({11, 12}, 8, &batch);
  batch.add_drops()->set_cause("ring_full");
  batch.mutable_drops(0)->set_count(3);
  CHECK(fixture.table.TakeBatch(probe, batch) == 1);
  REQUIRE(fixture.ended.size() == 1);
  CHECK_THAT(fixture.ended[0], Contains("batch 2") && Contains("node-a"));
  CHECK(fixture.Error("unknown_flow") == 1);
  CHECK(fixture.Drop("unknown_flow") == 0);
  fixture.table.Detach(probe);

  const auto again = fixture.Attach("node-a", "1");
  CHECK(again.acknowledged_batch_number == 1);
  *batch.add_flows() = MakeBatch(1, {8}).flows(0);
  CHECK(fixture.table.TakeBatch(again, batch) == 2);
  CHECK(fixture.sink.events().size() == 2);
  CHECK(fixture.Drop("ring_full") == 3);
  CHECK(fixture.table.Nodes().at(0).flows == 2);

  // Soon again it would not help: the events are counted as lost.
  v1::EventBatch soon = MakeBatch(3, {});
  AddEvents({13}, 1234, &soon);
  CHECK(fixture.table.TakeBatch(again, soon) == 3);
  CHECK(fixture.ended.size() == 1);
  CHECK(fixture.Drop("unknown_flow") == 1);
  fixture.clock.Advance(20 * kSecondNs);
  soon.set_batch_number(4);
  CHECK(fixture.table.TakeBatch(again, soon) == 3);
  CHECK(fixture.ended.size() == 2);
}

TEST_CASE("Events of flows whose definition was refused are counted as lost") {
  Fixture fixture;
  const auto probe = fixture.Attach("node-a", "1");
  v1::EventBatch batch = MakeBatch(1, {7});
  batch.mutable_flows(0)->set_transport(1);
  AddEvents({11, 12}, 7, &batch);
  batch.add_ended_flow_ids(7);
  batch.add_ended_flow_ids(1234);
  CHECK(fixture.table.TakeBatch(probe, batch) == 1);
  CHECK(fixture.ended.empty());
  CHECK(fixture.sink.events().empty());
  CHECK(fixture.Error("unknown_flow") == 1);
  CHECK(fixture.Drop("unknown_flow") == 2);
  CHECK(fixture.table.Nodes().at(0).lost_share == 1);
  CHECK(fixture.flows->flow_count() == 0);
}

TEST_CASE("A correlator that restarted misses nothing that an earlier one took") {
  Fixture fixture;
  const auto probe = fixture.Attach("node-a", "1");
  CHECK(fixture.table.TakeBatch(probe, MakeBatch(5000, {7})) == 5000);
  CHECK(fixture.Error("missing_batch") == 0);
  CHECK(fixture.table.TakeBatch(probe, MakeBatch(5003, {})) == 5003);
  CHECK(fixture.Error("missing_batch") == 2);
}

TEST_CASE("A step of Unix time ends no flow") {
  Fixture fixture;
  const auto probe = fixture.Attach("node-a", "1");
  fixture.table.TakeBatch(probe, MakeBatch(1, {7}));
  fixture.realtime.Advance(10 * FlowTable::kIdleNs);
  fixture.clock.Advance(20 * kSecondNs);
  v1::EventBatch batch = MakeBatch(2, {});
  AddEvents({11}, 7, &batch);
  fixture.table.TakeBatch(probe, batch);
  CHECK(fixture.sink.events().size() == 1);
  CHECK(fixture.Error("unknown_flow") == 0);
  // A quiet flow outlives the longest FLOW_TIMEOUT_MS.
  fixture.clock.Advance(24 * 3600 * kSecondNs);
  fixture.table.TakeBatch(probe, MakeBatch(3, {}));
  CHECK(fixture.flows->flow_count() == 1);
}

TEST_CASE("Flows beyond the limit lose their events, which are counted, and the others go on") {
  Fixture fixture({}, /*max_flows=*/1);
  const auto probe = fixture.Attach("node-a", "1");
  v1::EventBatch batch = MakeBatch(1, {7, 8});
  AddEvents({11}, 7, &batch);
  fixture.table.TakeBatch(probe, batch);
  v1::EventBatch next = MakeBatch(2, {});
  AddEvents({12, 13}, 8, &next);
  fixture.table.TakeBatch(probe, next);
  CHECK(fixture.sink.events().size() == 1);
  CHECK(fixture.Error("flow_limit") == 1);
  CHECK(fixture.Drop("correlator_flow_limit") == 2);
}

TEST_CASE("Drops are added up by cause; gates are no losses") {
  Fixture fixture;
  const auto probe = fixture.Attach("node-a", "1");
  v1::EventBatch batch = MakeBatch(1, {7});
  AddEvents({11}, 7, &batch);
  const auto add = [&](const std::string& cause, uint64_t count) {
    batch.add_drops()->set_cause(cause);
    batch.mutable_drops(batch.drops_size() - 1)->set_count(count);
  };
  add("gate_silence", 100);
  add("ring_full", 2);
  add("something_new", 1);
  fixture.table.TakeBatch(probe, batch);
  const NodeSnapshot node = fixture.table.Nodes().at(0);
  REQUIRE(node.drops.size() == 3);
  for (const NodeSnapshot::Drop& drop : node.drops) {
    CHECK(drop.lost == (drop.cause != "gate_silence"));
  }
  CHECK(node.lost_share == Approx(0.75));
  // A probe that invents causes does not fill the memory.
  v1::EventBatch many = MakeBatch(2, {});
  for (int i = 0; i < 1000; ++i) {
    many.add_drops()->set_cause("cause-" + std::to_string(i));
    many.mutable_drops(i)->set_count(1);
  }
  fixture.table.TakeBatch(probe, many);
  CHECK(fixture.table.Nodes().at(0).drops.size() <= 65);
  CHECK(fixture.Drop("other") > 900);
}

TEST_CASE("The flows of a probe that went for good are let go") {
  Fixture fixture;
  const auto gone = fixture.Attach("node-a", "1");
  fixture.table.TakeBatch(gone, MakeBatch(1, {7}));
  fixture.table.Detach(gone);
  fixture.clock.Advance(30 * kSecondNs);
  fixture.Attach("node-b", "1");
  CHECK(fixture.flows->flow_count() == 1);
  fixture.clock.Advance(40 * kSecondNs);
  fixture.Attach("node-c", "1");
  CHECK(fixture.flows->flow_count() == 0);
}

TEST_CASE("Flows whose end got lost are let go in time") {
  Fixture fixture;
  const auto probe = fixture.Attach("node-a", "1");
  fixture.table.TakeBatch(probe, MakeBatch(1, {7, 8}));
  fixture.clock.Advance(FlowTable::kIdleNs - kSecondNs);
  v1::EventBatch batch = MakeBatch(2, {});
  AddEvents({1}, 8, &batch);
  fixture.table.TakeBatch(probe, batch);
  fixture.clock.Advance(20 * kSecondNs);
  fixture.table.TakeBatch(probe, MakeBatch(3, {}));
  CHECK(fixture.flows->flow_count() == 1);
}

TEST_CASE("Whatever bytes come as columns, nothing breaks and they are counted") {
  std::mt19937_64 random(6);
  Fixture fixture;
  const auto probe = fixture.Attach("node-a", "1");
  fixture.table.TakeBatch(probe, MakeBatch(1, {7}));
  v1::EventBatch good = MakeBatch(2, {});
  AddEvents(std::vector<uint64_t>(50, 5), 7, &good);
  uint64_t number = 1;
  for (int i = 0; i < 3000; ++i) {
    v1::EventBatch batch = good;
    batch.set_batch_number(++number);
    v1::EventColumns* const columns = batch.mutable_columns();
    std::string* const fields = columns->mutable_fields();
    for (uint64_t changes = random() % 4; changes-- > 0;) {
      (*fields)[random() % fields->size()] = static_cast<char>(random());
    }
    if (random() % 4 == 0) {
      fields->resize(random() % (fields->size() + 1));
    }
    if (random() % 8 == 0) {
      columns->set_event_count(static_cast<uint32_t>(random()));
    }
    if (random() % 8 == 0) {
      columns->set_base_time_ns(static_cast<int64_t>(random()));
    }
    if (random() % 8 == 0) {
      columns->mutable_signatures()->Truncate(static_cast<int>(random() % 50));
    }
    fixture.table.TakeBatch(probe, batch);
  }
  CHECK(fixture.Error("malformed_batch") > 100);
  CHECK_FALSE(fixture.sink.events().empty());
}

TEST_CASE("a clock report tells how the clock is measured, and what the kernel says") {
  Fixture fixture;
  const NodeTable::Attachment probe = fixture.Attach("node-a", "1");
  CHECK(fixture.table.Nodes().at(0).clock_source == ClockSource::kStream);
  CHECK_FALSE(fixture.table.Nodes().at(0).kernel_clock.has_value());
  v1::ClockReport report;
  for (int64_t i = 0; i < 2; ++i) {
    v1::ClockSample* const sample = report.add_datagram_samples();
    sample->set_probe_send_time_ns(1 + i);
    sample->set_correlator_receive_time_ns(2 + i);
    sample->set_correlator_send_time_ns(3 + i);
    sample->set_probe_receive_time_ns(4 + i);
  }
  v1::KernelClock* const kernel = report.mutable_kernel_clock();
  kernel->set_is_synchronised(true);
  kernel->set_frequency_ppm(-3.5);
  kernel->set_maximum_error_seconds(std::numeric_limits<double>::quiet_NaN());
  fixture.table.TakeClockReport(probe, report);
  CHECK(fixture.sink.exchanges().size() == 2);
  const NodeSnapshot node = fixture.table.Nodes().at(0);
  CHECK(node.clock_source == ClockSource::kDatagrams);
  REQUIRE(node.kernel_clock.has_value());
  CHECK(node.kernel_clock->is_synchronised);
  CHECK(node.kernel_clock->frequency_ppm == -3.5);
  CHECK(node.kernel_clock->maximum_error_seconds == std::numeric_limits<double>::infinity());
  fixture.clock.Advance(6 * kSecondNs);
  CHECK(fixture.table.Nodes().at(0).clock_source == ClockSource::kStream);

  // More than a probe can have to tell.
  for (int i = 0; i < 100; ++i) {
    *report.add_datagram_samples() = report.datagram_samples(0);
  }
  fixture.table.TakeClockReport(probe, report);
  CHECK(fixture.sink.exchanges().size() == 2);
  CHECK(fixture.Error("invalid_clock_exchange") == 102);
  // A stream that another took over from tells nothing any more.
  fixture.Attach("node-a", "2");
  report.clear_datagram_samples();
  fixture.table.TakeClockReport(probe, report);
  CHECK_FALSE(fixture.table.Nodes().at(0).kernel_clock.has_value());
}

}  // namespace
}  // namespace audio_latency::correlator
