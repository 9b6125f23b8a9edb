// Columns that no encoder of ours made: they are refused or decoded, and never harm.

#include <catch2/catch.hpp>
#include <limits>

#include "common/wire/event_columns.h"
#include "common/wire/varint.h"
#include "tests/unit/common/wire/random_events.h"

namespace audio_latency::wire {
namespace {

// Decodes behind two events that must stay; what comes out must make sense.
bool DecodesHarmlessly(const v1::EventColumns& columns, const std::vector<uint8_t>& kinds) {
  const std::vector<WireEvent> before(2, WireEvent{.signature = 42});
  std::vector<WireEvent> events = before;
  const absl::Status status = Decode(columns, kinds, &events);
  REQUIRE(events.size() >= before.size());
  REQUIRE(std::equal(before.begin(), before.end(), events.begin()));
  if (!status.ok()) {
    REQUIRE(status.code() == absl::StatusCode::kInvalidArgument);
    REQUIRE(events.size() == before.size());
    return false;
  }
  REQUIRE(events.size() == before.size() + columns.event_count());
  for (const WireEvent& event : events) {
    REQUIRE((event.flow_index < kinds.size() || event.signature == 42));
    REQUIRE(event.time_ns >= 0);
    REQUIRE(event.time_ns < kTimeLimitNs);
  }
  return true;
}

TEST_CASE("columns cut short at any length are refused") {
  std::mt19937_64 random(4);
  for (int i = 0; i < 20; ++i) {
    const TestBatch batch = RandomBatch(&random, 60, 5);
    if (batch.events.empty()) {
      continue;
    }
    v1::EventColumns columns;
    REQUIRE(Encode(batch.events, batch.flow_ids, batch.flow_is_rtp, &columns).ok());
    const std::string whole = columns.fields();
    for (size_t length = 0; length < whole.size(); ++length) {
      columns.set_fields(whole.substr(0, length));
      CHECK_FALSE(DecodesHarmlessly(columns, batch.flow_is_rtp));
    }
    columns.set_fields(whole + '\0');
    CHECK_FALSE(DecodesHarmlessly(columns, batch.flow_is_rtp));
    columns.set_fields(whole);
    CHECK(DecodesHarmlessly(columns, batch.flow_is_rtp));
    columns.add_signatures(7);
    CHECK_FALSE(DecodesHarmlessly(columns, batch.flow_is_rtp));
    columns.mutable_signatures()->RemoveLast();
    if (columns.signatures_size() > 0) {
      columns.mutable_signatures()->RemoveLast();
      CHECK_FALSE(DecodesHarmlessly(columns, batch.flow_is_rtp));
    }
  }
}

TEST_CASE("a whole message cut short or changed anywhere does no harm") {
  std::mt19937_64 random(5);
  int decoded = 0;
  for (int i = 0; i < 300; ++i) {
    const TestBatch batch = RandomBatch(&random, 40, 5);
    v1::EventColumns columns;
    REQUIRE(Encode(batch.events, batch.flow_ids, batch.flow_is_rtp, &columns).ok());
    const std::string whole = columns.SerializeAsString();
    for (int change = 0; change < 30 && !whole.empty(); ++change) {
      std::string bytes = whole;
      bytes[random() % bytes.size()] = static_cast<char>(random());
      bytes.resize(bytes.size() - (change % 3 == 0 ? random() % bytes.size() : 0));
      v1::EventColumns changed;
      if (changed.ParseFromString(bytes)) {
        std::vector<uint8_t> kinds = batch.flow_is_rtp;
        kinds.resize(static_cast<size_t>(changed.flow_ids_size()));
        decoded += DecodesHarmlessly(changed, kinds) ? 1 : 0;
      }
    }
  }
  CHECK(decoded > 0);  // changed signatures are no less well-formed
}

TEST_CASE("random bytes do no harm") {
  std::mt19937_64 random(6);
  for (int i = 0; i < 20'000; ++i) {
    v1::EventColumns columns;
    std::string fields(random() % 100, '\0');
    for (char& byte : fields) {
      byte = static_cast<char>(random() % (i % 2 == 0 ? 256 : 64));
    }
    columns.set_fields(fields);
    columns.set_event_count(static_cast<uint32_t>(random() % 40));
    columns.set_base_time_ns(static_cast<int64_t>(random() % (i % 3 == 0 ? 1000 : UINT64_MAX)));
    for (uint64_t count = random() % 30; count > 0; --count) {
      columns.add_signatures(random());
    }
    std::vector<uint8_t> kinds;
    for (uint64_t count = random() % 5; count > 0; --count) {
      columns.add_flow_ids(random());
      kinds.push_back(static_cast<uint8_t>(random() % 2));
    }
    DecodesHarmlessly(columns, kinds);
  }
}

v1::EventColumns OneEvent(const std::vector<uint64_t>& varints) {
  v1::EventColumns columns;
  columns.set_event_count(1);
  columns.set_base_time_ns(1000);
  columns.add_flow_ids(1);
  for (const uint64_t value : varints) {
    AppendVarint(value, columns.mutable_fields());
  }
  return columns;
}

TEST_CASE("each contradiction is refused") {
  const std::vector<uint8_t> tcp = {0};
  const std::vector<uint8_t> rtp = {1};
  CHECK(DecodesHarmlessly(OneEvent({0, 0, 0}), tcp));
  SECTION("a flow outside the table") {
    CHECK_FALSE(DecodesHarmlessly(OneEvent({1 << 6, 0, 0}), tcp));
    CHECK_FALSE(DecodesHarmlessly(OneEvent({uint64_t{1} << 63, 0, 0}), tcp));
    CHECK(DecodesHarmlessly(OneEvent({1 << 1, 0, 0}), tcp));
    CHECK_FALSE(DecodesHarmlessly(OneEvent({1 << 6 | 1 << 1, 0, 0}), tcp));
    v1::EventColumns no_flows = OneEvent({0, 0, 0});
    no_flows.clear_flow_ids();
    CHECK_FALSE(DecodesHarmlessly(no_flows, {}));
  }
  SECTION("a continuation of nothing, or without its signature") {
    CHECK_FALSE(DecodesHarmlessly(OneEvent({1, 0, 0}), tcp));
    // A packet of RTP, and a window that it completed.
    v1::EventColumns columns = OneEvent({0, 0, 0, 0, 0, 0, 0, 1});
    columns.set_event_count(2);
    CHECK_FALSE(DecodesHarmlessly(columns, rtp));
    columns.add_signatures(1);
    CHECK(DecodesHarmlessly(columns, rtp));
  }
  SECTION("content of RTP that is unsigned, marked, predicted, or not of RTP") {
    v1::EventColumns content = OneEvent({1 << 5 | 1 << 2, 0, 0});
    CHECK_FALSE(DecodesHarmlessly(content, rtp));
    content.add_signatures(1);
    CHECK(DecodesHarmlessly(content, rtp));
    CHECK_FALSE(DecodesHarmlessly(content, tcp));
    CHECK_FALSE(DecodesHarmlessly(OneEvent({1 << 5, 0, 0}), rtp));
    for (const uint64_t flag : {1 << 3, 1 << 4}) {
      v1::EventColumns flagged = OneEvent({1 << 5 | 1 << 2 | flag, 0, 0});
      flagged.add_signatures(1);
      CHECK_FALSE(DecodesHarmlessly(flagged, rtp));
    }
  }
  SECTION("flags that only RTP has") {
    CHECK_FALSE(DecodesHarmlessly(OneEvent({1 << 4, 0, 0}), tcp));
    CHECK_FALSE(DecodesHarmlessly(OneEvent({1 << 3, 0, 0}), tcp));
  }
  SECTION("times out of range") {
    for (const int64_t step :
         {std::numeric_limits<int64_t>::max(), std::numeric_limits<int64_t>::min(),
          int64_t{1} << 55, int64_t{-4}}) {
      CHECK_FALSE(DecodesHarmlessly(OneEvent({0, Zigzag(step), 0}), tcp));
    }
    v1::EventColumns columns = OneEvent({0, 0, 0});
    for (const int64_t base : {std::numeric_limits<int64_t>::max(),
                               std::numeric_limits<int64_t>::min(), int64_t{-1}, kTimeLimitNs}) {
      columns.set_base_time_ns(base);
      CHECK_FALSE(DecodesHarmlessly(columns, tcp));
    }
  }
  SECTION("a payload longer than a packet") {
    CHECK(DecodesHarmlessly(OneEvent({0, 0, 0, 0, 0, 65535, 0}), rtp));
    CHECK_FALSE(DecodesHarmlessly(OneEvent({0, 0, 0, 0, 0, 65536, 0}), rtp));
  }
  SECTION("more events than bytes, or than a batch may have") {
    v1::EventColumns columns = OneEvent({0, 0, 0});
    columns.set_event_count(4);
    CHECK_FALSE(DecodesHarmlessly(columns, tcp));
    columns.set_event_count(std::numeric_limits<uint32_t>::max());
    CHECK_FALSE(DecodesHarmlessly(columns, tcp));
  }
  SECTION("a flow table of another size") {
    CHECK_FALSE(DecodesHarmlessly(OneEvent({0, 0, 0}), {0, 0}));
    CHECK_FALSE(DecodesHarmlessly(OneEvent({0, 0, 0}), {}));
  }
}

}  // namespace
}  // namespace audio_latency::wire
