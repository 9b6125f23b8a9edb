// Flows that probes define, and what is wrong with some.

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "tests/unit/correlator/ingest/node_table_fixture.h"

namespace audio_latency::correlator {
namespace {

using Fixture = NodeTableFixture;
using Catch::Matchers::Contains;

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

TEST_CASE("The container that a probe tells of is handed on, and what can be none is refused") {
  const auto describe = [](Fixture* fixture, const v1::ContainerIdentity& told) {
    const auto probe = fixture->Attach("node-a", "1");
    v1::EventBatch batch = MakeBatch(1, {7});
    *batch.mutable_flows(0)->mutable_container() = told;
    AddEvents({11}, 7, &batch);
    fixture->table.TakeBatch(probe, batch);
  };
  v1::ContainerIdentity told;
  told.set_runtime(v1::CONTAINER_RUNTIME_CRIO);
  told.set_container_id(std::string(64, 'a'));
  told.set_pod_uid("5d0c9a1e-7b42-4f68-9c33-0a1b2c3d4e5f");
  told.set_pod_name("ingress-7d9c.0");
  told.set_pod_namespace("voice");
  {
    Fixture fixture;
    describe(&fixture, told);
    CHECK(fixture.Error("invalid_definition") == 0);
    REQUIRE(fixture.sink.events().size() == 1);
    const ContainerHint& hint = fixture.flows->Description(fixture.sink.events()[0].flow).container;
    CHECK(hint.pod_uid == told.pod_uid());
    CHECK(hint.pod == told.pod_name());
    CHECK(hint.namespace_name == told.pod_namespace());
  }
  {
    // A runtime of a newer probe, and nothing else.
    Fixture fixture;
    v1::ContainerIdentity newer;
    newer.set_runtime(static_cast<v1::ContainerRuntime>(99));
    describe(&fixture, newer);
    CHECK(fixture.Error("invalid_definition") == 0);
    CHECK(fixture.flows->Description(fixture.sink.events()[0].flow).container.empty());
  }
  std::vector<v1::ContainerIdentity> bad(10, told);
  bad[0].set_container_id(std::string(65, 'a'));
  bad[1].set_container_id("xyz");
  bad[2].set_pod_uid(std::string(65, 'a'));
  bad[3].set_pod_uid("a\nb");
  bad[4].set_pod_name(std::string(254, 'a'));
  bad[5].set_pod_name("\x1b[31mred");
  bad[6].set_pod_name("Upper");
  bad[7].set_pod_namespace(std::string(64, 'a'));
  bad[8].set_pod_namespace("a.b");
  bad[9].set_pod_namespace(std::string(1'000'000, 'a'));
  for (size_t i = 0; i < bad.size(); ++i) {
    CAPTURE(i);
    Fixture fixture;
    describe(&fixture, bad[i]);
    CHECK(fixture.Error("invalid_definition") == 1);
    CHECK(fixture.flows->flow_count() == 0);
  }
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

TEST_CASE("A pod whose interface went and came back is counted by the new one at once") {
  Fixture fixture;
  const auto probe = fixture.Attach("node-a", "1");
  for (uint32_t round = 1; round <= 3; ++round) {
    v1::EventBatch batch = MakeBatch(round, {});
    v1::InterfaceDefinition* const interface = batch.add_interfaces();
    interface->set_interface_index(10 + round);
    interface->set_name("veth-pod");
    interface->set_role(v1::INTERFACE_ROLE_CONTAINER);
    v1::FlowDefinition* const flow = batch.add_flows();
    *flow = MakeBatch(1, {7}).flows(0);
    flow->set_flow_id(round);
    flow->set_interface_index(10 + round);
    flow->set_direction(v1::DIRECTION_INGRESS);
    AddEvents({11, 12, 13}, round, &batch);
    fixture.table.TakeBatch(probe, batch);
    REQUIRE(fixture.table.Signatures().size() == 1);
    CHECK(fixture.table.Signatures()[0].count == 3 * round);
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

TEST_CASE("What a probe tells of flows beyond its own limit is lost by that cause, and no more") {
  Fixture fixture({.max_flows = 1});
  const auto probe = fixture.Attach("node-a", "1");
  v1::EventBatch batch = MakeBatch(1, {7, 8});
  // Of each flow, beside each other in one batch.
  std::vector<wire::WireEvent> events(5);
  for (size_t i = 0; i < events.size(); ++i) {
    events[i] = {.signature = 11 + i,
                 .time_ns = 1'000'000'000,
                 .flow_index = static_cast<uint32_t>(i % 2),
                 .position = static_cast<uint32_t>(100 * i),
                 .is_signed = true};
  }
  const uint64_t flow_ids[] = {7, 8};
  const uint8_t flow_is_rtp[] = {0, 0};
  REQUIRE(wire::Encode(events, flow_ids, flow_is_rtp, batch.mutable_columns()).ok());
  fixture.table.TakeBatch(probe, batch);
  CHECK(fixture.sink.events().size() == 3);
  CHECK(fixture.Error("flow_limit") == 1);
  CHECK(fixture.Error("unknown_flow") == 0);
  CHECK(fixture.Drop("correlator_flow_limit") == 2);
  CHECK(fixture.Drop("unknown_flow") == 0);
}

TEST_CASE("A flow beyond the limit is let in where there is room when it is defined again") {
  Fixture fixture({.max_flows = 1});
  const auto probe = fixture.Attach("node-a", "1");
  v1::EventBatch batch = MakeBatch(1, {7, 8});
  batch.add_ended_flow_ids(7);
  fixture.table.TakeBatch(probe, batch);
  v1::EventBatch next = MakeBatch(2, {8});
  AddEvents({11, 12}, 8, &next);
  fixture.table.TakeBatch(probe, next);
  CHECK(fixture.sink.events().size() == 2);
  CHECK(fixture.Drop("correlator_flow_limit") == 0);
}

TEST_CASE("Of flows far beyond the limit nothing is kept, and batches that name them are lost") {
  Fixture fixture({.max_flows = 1});
  const auto probe = fixture.Attach("node-a", "1");
  // 7 has room, of 8 is known how to read it.
  v1::EventBatch batch = MakeBatch(1, {7, 8, 9});
  AddEvents({11, 12}, 9, &batch);
  fixture.table.TakeBatch(probe, batch);
  CHECK(fixture.Error("flow_limit") == 2);
  CHECK(fixture.Error("unknown_flow") == 1);
  CHECK(fixture.Drop("correlator_flow_limit") == 2);
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

}  // namespace
}  // namespace audio_latency::correlator
