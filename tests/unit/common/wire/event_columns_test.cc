#include "common/wire/event_columns.h"

#include <catch2/catch.hpp>
#include <cstdlib>

#include "common/status/status_macros.h"
#include "tests/unit/common/wire/random_events.h"

namespace audio_latency::wire {
namespace {

std::vector<WireEvent> RoundTrip(const TestBatch& batch) {
  v1::EventColumns columns;
  REQUIRE(Encode(batch.events, batch.flow_ids, batch.flow_is_rtp, &columns).ok());
  CHECK(std::vector<uint64_t>(columns.flow_ids().begin(), columns.flow_ids().end()) ==
        (batch.events.empty() ? std::vector<uint64_t>() : batch.flow_ids));
  std::vector<WireEvent> decoded;
  const std::span<const uint8_t> kinds =
      batch.events.empty() ? std::span<const uint8_t>() : batch.flow_is_rtp;
  REQUIRE(Decode(columns, kinds, &decoded).ok());
  return decoded;
}

TEST_CASE("any events come out as they went in") {
  std::mt19937_64 random(1);
  for (int i = 0; i < 3000; ++i) {
    const TestBatch batch = RandomBatch(&random, 200, 40);
    REQUIRE(RoundTrip(batch) == batch.events);
  }
}

TEST_CASE("real traffic comes out as it went in") {
  std::mt19937_64 random(2);
  for (const TestBatch& batch : {TcpTraffic(100, 640, 64, 1'000'000'000, &random),
                                 TcpTraffic(3, 160, 64, 1'000'000'000, &random),
                                 RtpTraffic(1000, 256, 700'000'000, &random)}) {
    REQUIRE(batch.events.size() > 100);
    REQUIRE(RoundTrip(batch) == batch.events);
  }
}

TEST_CASE("sequence numbers and positions wrap") {
  TestBatch batch;
  batch.flow_ids = {1, 2};
  batch.flow_is_rtp = {1, 0};
  for (uint32_t i = 0; i < 10; ++i) {
    batch.events.push_back({.signature = i,
                            .flow_index = 0,
                            .position = (65530 + i) & 0xffff,
                            .rtp_timestamp = 0xffffff00 + i * 160,
                            .payload_bytes = 160,
                            .level = 30,
                            .is_signed = true});
    batch.events.push_back(
        {.signature = i, .flow_index = 1, .position = 0xfffffff0 + i * 4, .is_signed = true});
    batch.events.push_back(
        {.signature = i, .flow_index = 1, .position = 0xfffffff2 + i * 4, .is_signed = true});
  }
  CHECK(RoundTrip(batch) == batch.events);
}

TEST_CASE("times are rounded to the unit") {
  TestBatch batch;
  batch.flow_ids = {1};
  batch.flow_is_rtp = {0};
  for (int64_t i = 0; i < 2000; ++i) {
    batch.events.push_back({.signature = 1, .time_ns = 1'000'000 + i * 37, .is_signed = true});
  }
  const std::vector<WireEvent> decoded = RoundTrip(batch);
  REQUIRE(decoded.size() == batch.events.size());
  for (size_t i = 0; i < decoded.size(); ++i) {
    CHECK(std::abs(decoded[i].time_ns - batch.events[i].time_ns) <= kTimeUnitNs / 2);
  }
}

TEST_CASE("decoding appends, and a decoder can be used again") {
  std::mt19937_64 random(3);
  const TestBatch first = RtpTraffic(20, 256, 100'000'000, &random);
  const TestBatch second = TcpTraffic(5, 320, 64, 100'000'000, &random);
  Encoder encoder;
  Decoder decoder;
  v1::EventColumns columns;
  std::vector<WireEvent> decoded;
  std::vector<WireEvent> expected;
  for (const TestBatch* batch : {&first, &second, &first}) {
    REQUIRE(encoder.Encode(batch->events, batch->flow_ids, batch->flow_is_rtp, &columns).ok());
    REQUIRE(decoder.Decode(columns, batch->flow_is_rtp, &decoded).ok());
    expected.insert(expected.end(), batch->events.begin(), batch->events.end());
  }
  CHECK(decoded == expected);
}

TEST_CASE("what cannot travel is refused") {
  v1::EventColumns columns;
  const std::vector<uint64_t> flow_ids = {1};
  const std::vector<uint8_t> kinds = {0};
  const std::vector<WireEvent> outside = {{.flow_index = 1}};
  CHECK(Encode(outside, flow_ids, kinds, &columns).code() == absl::StatusCode::kInvalidArgument);
  const std::vector<WireEvent> early = {{.time_ns = -1}};
  CHECK(Encode(early, flow_ids, kinds, &columns).code() == absl::StatusCode::kInvalidArgument);
  const std::vector<WireEvent> late = {{.time_ns = kTimeLimitNs - 1}};
  CHECK(Encode(late, flow_ids, kinds, &columns).code() == absl::StatusCode::kInvalidArgument);
  const std::vector<uint8_t> rtp = {1};
  const std::vector<WireEvent> content = {
      {.signature = 5, .is_signed = true, .is_rtp_content = true}};
  CHECK(Encode(content, flow_ids, rtp, &columns).ok());
  CHECK(Encode(content, flow_ids, kinds, &columns).code() == absl::StatusCode::kInvalidArgument);
  const std::vector<WireEvent> unsigned_content = {{.is_rtp_content = true}};
  CHECK(Encode(unsigned_content, flow_ids, rtp, &columns).code() ==
        absl::StatusCode::kInvalidArgument);
  const std::vector<WireEvent> many(kMaxEventsPerBatch + 1);
  CHECK(Encode(many, flow_ids, kinds, &columns).code() == absl::StatusCode::kInvalidArgument);
  CHECK(Encode({}, flow_ids, {}, &columns).code() == absl::StatusCode::kInvalidArgument);
  CHECK(columns.ByteSizeLong() == 0);
  const std::vector<WireEvent> most(kMaxEventsPerBatch);
  CHECK(Encode(most, flow_ids, kinds, &columns).ok());
}

}  // namespace
}  // namespace audio_latency::wire
