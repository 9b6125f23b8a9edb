// What an event costs on the wire. The figures are printed: they are the product's to keep.

#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <cstdio>

#include "common/wire/event_columns.h"
#include "tests/unit/common/wire/random_events.h"

namespace audio_latency::wire {
namespace {

double BytesPerEvent(const char* name, const TestBatch& batch) {
  v1::EventColumns columns;
  REQUIRE(Encode(batch.events, batch.flow_ids, batch.flow_is_rtp, &columns).ok());
  const double bytes =
      static_cast<double>(columns.ByteSizeLong()) / static_cast<double>(batch.events.size());
  std::fputs(
      fmt::format("{:<44} {:>6} events {:>6.2f} bytes an event\n", name, batch.events.size(), bytes)
          .c_str(),
      stdout);
  return bytes;
}

// Probes send a batch every 100 ms or so.
constexpr int64_t kBatchNs = 100'000'000;

TEST_CASE("an event takes 12 bytes or less, 8 of which are the signature") {
  std::mt19937_64 random(7);
  CHECK(BytesPerEvent("100 TCP flows, 20 ms of 16 kHz a segment",
                      TcpTraffic(100, 640, kBatchNs, &random)) <= 10.5);
  CHECK(BytesPerEvent("100 TCP flows, 160 bytes a segment",
                      TcpTraffic(100, 160, kBatchNs, &random)) <= 12);
  CHECK(BytesPerEvent("100 TCP flows, 1400 bytes a segment",
                      TcpTraffic(100, 1400, kBatchNs, &random)) <= 10.5);
  CHECK(BytesPerEvent("1000 TCP flows, 640 bytes a segment",
                      TcpTraffic(1000, 640, kBatchNs, &random)) <= 10.5);
}

TEST_CASE("an RTP packet takes 16 bytes or less") {
  std::mt19937_64 random(8);
  // The first packet of each flow cannot be predicted from what came before.
  CHECK(BytesPerEvent("100 RTP flows of G.711", RtpTraffic(100, kBatchNs, &random)) <= 15);
  CHECK(BytesPerEvent("100 RTP flows of G.711, 1 s", RtpTraffic(100, 10 * kBatchNs, &random)) <=
        13.5);
  CHECK(BytesPerEvent("1000 RTP flows of G.711, 1 s", RtpTraffic(1000, 10 * kBatchNs, &random)) <=
        13.5);
}

}  // namespace
}  // namespace audio_latency::wire
