// What becomes of a batch, and of a clock report.

#include <catch2/catch.hpp>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "tests/unit/correlator/ingest/node_table_fixture.h"

namespace audio_latency::correlator {
namespace {

using Fixture = NodeTableFixture;

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

TEST_CASE("A correlator that restarted misses nothing that an earlier one took") {
  Fixture fixture;
  const auto probe = fixture.Attach("node-a", "1");
  CHECK(fixture.table.TakeBatch(probe, MakeBatch(5000, {7})) == 5000);
  CHECK(fixture.Error("missing_batch") == 0);
  CHECK(fixture.table.TakeBatch(probe, MakeBatch(5003, {})) == 5003);
  CHECK(fixture.Error("missing_batch") == 2);
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
