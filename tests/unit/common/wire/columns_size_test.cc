// What an event costs on the wire. The figures are printed: they are the product's to keep.

#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <cstdio>
#include <string>

#include "common/wire/event_columns.h"
#include "tests/unit/common/wire/random_events.h"

namespace audio_latency::wire {
namespace {

double BytesPerEvent(const std::string& name, const TestBatch& batch) {
  v1::EventColumns columns;
  REQUIRE(Encode(batch.events, batch.flow_ids, batch.flow_is_rtp, &columns).ok());
  const double bytes =
      static_cast<double>(columns.ByteSizeLong()) / static_cast<double>(batch.events.size());
  std::fputs(
      fmt::format("{:<56} {:>6} events {:>6.2f} bytes an event\n", name, batch.events.size(), bytes)
          .c_str(),
      stdout);
  return bytes;
}

// Probes send a batch every 100 ms or so.
constexpr int64_t kBatchNs = 100'000'000;

TEST_CASE("an event takes 12 bytes or less, 13 in small segments; 8 of them the signature") {
  std::mt19937_64 random(7);
  // The default signature rate is one in 256 bytes; 64 is what fine detail would take.
  for (const int bytes_per_window : {256, 64}) {
    for (const uint32_t segment_bytes : {160u, 640u, 1400u}) {
      CHECK(BytesPerEvent(fmt::format("100 TCP flows, segments of {}, one event in {} bytes",
                                      segment_bytes, bytes_per_window),
                          TcpTraffic(100, segment_bytes, bytes_per_window, kBatchNs, &random)) <=
            (segment_bytes < 640 ? 13 : 12));
    }
  }
  CHECK(BytesPerEvent("1000 TCP flows, segments of 640, one event in 256 bytes",
                      TcpTraffic(1000, 640, 256, kBatchNs, &random)) <= 12);
}

TEST_CASE("an RTP packet takes 16 bytes or less, with its windows 13 an event") {
  std::mt19937_64 random(8);
  // The first packet of each flow cannot be predicted from what came before.
  CHECK(BytesPerEvent("100 RTP flows of G.711, one window in 256 bytes",
                      RtpTraffic(100, 256, kBatchNs, &random)) <= 15);
  CHECK(BytesPerEvent("100 RTP flows of G.711, 1 s",
                      RtpTraffic(100, 256, 10 * kBatchNs, &random)) <= 12.5);
  CHECK(BytesPerEvent("1000 RTP flows of G.711, 0.7 s",
                      RtpTraffic(1000, 256, 7 * kBatchNs, &random)) <= 12.5);
}

}  // namespace
}  // namespace audio_latency::wire
