// What probes are told that they may send, and what that is judged by.

#include <catch2/catch.hpp>
#include <vector>

#include "tests/unit/correlator/ingest/node_table_fixture.h"

namespace audio_latency::correlator {
namespace {

using Fixture = NodeTableFixture;

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

}  // namespace
}  // namespace audio_latency::correlator
