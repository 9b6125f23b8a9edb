// Probes that come, go, come back and are replaced.

#include <catch2/catch.hpp>
#include <string>

#include "tests/unit/correlator/ingest/node_table_fixture.h"

namespace audio_latency::correlator {
namespace {

using Fixture = NodeTableFixture;
using Catch::Matchers::Contains;

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

}  // namespace
}  // namespace audio_latency::correlator
