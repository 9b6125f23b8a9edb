// What a probe that means harm, or is broken, may send: it is refused and counted, and harms no
// other.

#include <catch2/catch.hpp>
#include <limits>
#include <memory>
#include <string>

#include "common/status/status_macros.h"
#include "correlator/ingest/node_table.h"
#include "correlator/ingest/rate_budget.h"
#include "tests/unit/correlator/ingest/batches.h"
#include "tests/unit/correlator/ingest/recording_sink.h"

namespace audio_latency::correlator {
namespace {

using Catch::Matchers::Contains;

constexpr int64_t kSecondNs = 1'000'000'000;
constexpr uint64_t kHuge = std::numeric_limits<uint64_t>::max();

class Fixture {
 public:
  explicit Fixture(const IngestLimits& limits = {})
      : table(flows.get(), &sink, &realtime, &clock, limits) {}

  NodeTable::Attachment Attach(const std::string& node) {
    auto attachment = table.Attach(MakeHello(node, "i-1"), [](const absl::Status& /*why*/) {});
    REQUIRE(attachment.ok());
    return *attachment;
  }
  uint64_t Error(const std::string& name) const {
    for (const auto& [error, count] : table.Errors()) {
      if (error == name) {
        return static_cast<uint64_t>(count);
      }
    }
    FAIL("no such error: " << name);
    return 0;
  }
  NodeSnapshot Node(const std::string& name) const {
    for (const NodeSnapshot& node : table.Nodes()) {
      if (node.node == name) {
        return node;
      }
    }
    FAIL("no such node: " << name);
    return {};
  }

  ManualClock realtime{1'700'000'000 * kSecondNs};
  ManualClock clock{1000 * kSecondNs};
  RecordingSink sink;
  std::unique_ptr<EndpointDirectory> directory = MakeEmptyDirectory();
  std::unique_ptr<FlowRegistry> flows = FlowRegistry::Create(*directory, 1000);
  NodeTable table;
};

v1::EventBatch BatchOf(uint64_t number, const std::vector<uint64_t>& signatures) {
  v1::EventBatch batch = MakeBatch(number, {1});
  AddEvents(signatures, 1, &batch);
  return batch;
}

double DropsOf(const NodeSnapshot& node, const std::string& cause) {
  for (const NodeSnapshot::Drop& drop : node.drops) {
    if (drop.cause == cause) {
      return drop.count;
    }
  }
  return 0;
}

TEST_CASE("names that are no names are refused, and not repeated") {
  Fixture fixture;
  const auto attach = [&](const v1::Hello& hello) {
    return Message(fixture.table.Attach(hello, [](const absl::Status& /*why*/) {}).status());
  };
  CHECK_THAT(attach(MakeHello(std::string(5000, 'a'), "1")), Contains("it has 5000"));
  for (const std::string& name : {std::string("a\nb"), std::string("\x1b]0;x\x07"),
                                  std::string("a\0b", 3), std::string("a{b=\"c\"}")}) {
    const std::string message = attach(MakeHello(name, "1"));
    CHECK_THAT(message, Contains("letters, digits"));
    CHECK(message.find(name) == std::string::npos);
  }
  CHECK_THAT(attach(MakeHello("a", "1\n2")), Contains("printable"));
  v1::Hello hello = MakeHello("a", "1");
  hello.set_version("\x1b[2J");
  CHECK_THAT(attach(hello), Contains("printable"));
  CHECK(fixture.table.Nodes().empty());
}

TEST_CASE("drop counts and causes that cannot be are refused") {
  Fixture fixture;
  const NodeTable::Attachment attachment = fixture.Attach("a");
  v1::EventBatch batch = BatchOf(1, {1, 2, 3});
  const auto add = [&batch](const std::string& cause, uint64_t count) {
    v1::DropCount* const drop = batch.add_drops();
    drop->set_cause(cause);
    drop->set_count(count);
  };
  add("ring_full", kHuge);
  add("ring_full", kHuge);
  add("bad\ncause", 1);
  add(std::string(5000, 'c'), 1);
  add("", 1);
  add("ring_full", 3);
  CHECK(fixture.table.TakeBatch(attachment, batch) == 1);
  CHECK(fixture.Error("invalid_drop_count") == 5);
  CHECK(DropsOf(fixture.Node("a"), "ring_full") == 3);
  CHECK(fixture.Node("a").lost_share == Approx(0.5));
}

TEST_CASE("batch numbers that jump, repeat or come out of order tell nothing and stop nothing") {
  Fixture fixture;
  const NodeTable::Attachment attachment = fixture.Attach("a");
  CHECK(fixture.table.TakeBatch(attachment, BatchOf(5, {1})) == 5);
  CHECK(fixture.table.TakeBatch(attachment, BatchOf(kHuge, {2})) == 5);
  CHECK(fixture.Error("batch_number_jump") == 1);
  CHECK(fixture.Error("missing_batch") == 0);
  CHECK(fixture.table.TakeBatch(attachment, BatchOf(5, {1})) == 5);
  CHECK(fixture.table.TakeBatch(attachment, BatchOf(4, {3})) == 5);
  CHECK(fixture.table.TakeBatch(attachment, BatchOf(0, {3})) == 5);
  CHECK(fixture.Error("duplicate_batch") == 3);
  CHECK(fixture.table.TakeBatch(attachment, BatchOf(6, {4})) == 6);
  CHECK(fixture.Node("a").events == 2);
}

TEST_CASE("what a batch claims to hold beyond its bytes is no loss") {
  Fixture fixture;
  const NodeTable::Attachment attachment = fixture.Attach("a");
  v1::EventBatch batch = BatchOf(1, {1, 2, 3});
  batch.mutable_columns()->set_event_count(std::numeric_limits<uint32_t>::max());
  const auto bytes = static_cast<double>(batch.columns().fields().size());
  fixture.table.TakeBatch(attachment, batch);
  CHECK(fixture.Error("malformed_batch") == 1);
  CHECK(DropsOf(fixture.Node("a"), "malformed_batch") == bytes);
}

TEST_CASE("events above the rate are dropped and counted, of this probe alone") {
  Fixture fixture({.max_events_per_second = 10});
  const NodeTable::Attachment loud = fixture.Attach("loud");
  const NodeTable::Attachment quiet = fixture.Attach("quiet");
  const std::vector<uint64_t> ten = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
  for (uint64_t number = 1; number <= 6; ++number) {
    CHECK(fixture.table.TakeBatch(loud, BatchOf(number, ten)) == number);
  }
  CHECK(fixture.Node("loud").events == 40);
  CHECK(DropsOf(fixture.Node("loud"), "event_rate") == 20);
  CHECK(fixture.Node("loud").lost_share == Approx(20.0 / 60));
  CHECK(fixture.Error("event_rate") == 2);
  fixture.table.TakeBatch(quiet, BatchOf(1, ten));
  CHECK(fixture.Node("quiet").events == 10);
  fixture.clock.Advance(kSecondNs);
  fixture.table.TakeBatch(loud, BatchOf(7, ten));
  CHECK(fixture.Node("loud").events == 50);
}

TEST_CASE("a probe names its own flows only") {
  Fixture fixture;
  const NodeTable::Attachment a = fixture.Attach("a");
  const NodeTable::Attachment b = fixture.Attach("b");
  fixture.table.TakeBatch(a, BatchOf(1, {1}));
  v1::EventBatch batch = MakeBatch(1, {});
  AddEvents({2}, 1, &batch);  // a's flow
  fixture.table.TakeBatch(b, batch);
  CHECK(fixture.Error("unknown_flow") == 1);
  CHECK(fixture.Node("b").events == 0);
  v1::EventBatch ending = MakeBatch(2, {});
  ending.add_ended_flow_ids(1);
  fixture.table.TakeBatch(b, ending);
  CHECK(fixture.Node("a").flows == 1);
}

TEST_CASE("an interface's name holds no control characters") {
  Fixture fixture;
  const NodeTable::Attachment attachment = fixture.Attach("a");
  v1::EventBatch batch = MakeBatch(1, {});
  batch.mutable_interfaces(0)->set_name("eth0\x1b[2J");
  fixture.table.TakeBatch(attachment, batch);
  CHECK(fixture.Error("invalid_definition") == 1);
}

TEST_CASE("a rate budget fills again, up to its burst, whatever the clock does") {
  RateBudget budget(100);
  CHECK(budget.Take(400, 0));
  CHECK_FALSE(budget.Take(1, 0));
  CHECK(budget.Take(100, kSecondNs));
  CHECK_FALSE(budget.Take(1, 0));
  CHECK(budget.TakeAndWaitNs(50, kSecondNs) >= kSecondNs / 4);
  CHECK(budget.Take(400, 1000 * kSecondNs));
  CHECK_FALSE(budget.Take(1, 1000 * kSecondNs));
}

}  // namespace
}  // namespace audio_latency::correlator
