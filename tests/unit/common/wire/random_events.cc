#include "tests/unit/common/wire/random_events.h"

#include <algorithm>
#include <limits>

namespace audio_latency::wire {
namespace {

constexpr int64_t kStartNs = 1'000'000 * kTimeUnitNs;
constexpr int64_t kPacketNs = 20'000'000;

uint64_t Below(uint64_t limit, std::mt19937_64* random) {
  return std::uniform_int_distribution<uint64_t>(0, limit - 1)(*random);
}

int64_t WholeUnits(int64_t time_ns) { return time_ns / kTimeUnitNs * kTimeUnitNs; }

void AddFlows(size_t flows, bool is_rtp, TestBatch* batch) {
  for (size_t flow = 0; flow < flows; ++flow) {
    batch->flow_ids.push_back(flow + 1);
    batch->flow_is_rtp.push_back(is_rtp ? 1 : 0);
  }
}

void SortByTime(TestBatch* batch) {
  std::stable_sort(batch->events.begin(), batch->events.end(),
                   [](const WireEvent& a, const WireEvent& b) { return a.time_ns < b.time_ns; });
}

// A value near `before`, or any at all.
template <typename Number>
Number Near(Number before, std::mt19937_64* random) {
  switch (Below(4, random)) {
    case 0:
      return static_cast<Number>((*random)());
    case 1:
      return before;
    default:
      return static_cast<Number>(before + Below(300, random));
  }
}

}  // namespace

TestBatch RandomBatch(std::mt19937_64* random, size_t most_events, size_t most_flows) {
  TestBatch batch;
  const size_t flows = 1 + Below(most_flows, random);
  for (size_t flow = 0; flow < flows; ++flow) {
    batch.flow_ids.push_back((*random)());
    batch.flow_is_rtp.push_back(static_cast<uint8_t>(Below(2, random)));
  }
  WireEvent before;
  before.time_ns = kStartNs;
  const size_t events = Below(most_events + 1, random);
  for (size_t i = 0; i < events; ++i) {
    WireEvent event;
    event.is_signed = Below(4, random) != 0;
    event.signature = event.is_signed ? (*random)() : 0;
    event.flow_index =
        Below(2, random) == 0 ? before.flow_index : static_cast<uint32_t>(Below(flows, random));
    event.time_ns =
        Below(2, random) == 0
            ? before.time_ns
            : WholeUnits(static_cast<int64_t>(
                  Below(Below(8, random) == 0 ? kTimeLimitNs - kTimeUnitNs : 1 << 30, random)));
    event.position = Near(before.position, random);
    const bool is_rtp = batch.flow_is_rtp[event.flow_index] != 0;
    event.is_rtp_content = is_rtp && event.is_signed && Below(2, random) == 0;
    if (is_rtp && !event.is_rtp_content) {
      event.rtp_timestamp = Near(before.rtp_timestamp, random);
      event.payload_bytes = Near(before.payload_bytes, random);
      event.rtp_payload_type = Near(before.rtp_payload_type, random);
      event.level = static_cast<uint8_t>((*random)());
      event.rtp_marker = Below(2, random) == 0;
    }
    before = event;
    batch.events.push_back(event);
  }
  return batch;
}

TestBatch TcpTraffic(size_t flows, uint32_t segment_bytes, int bytes_per_window,
                     int64_t duration_ns, std::mt19937_64* random) {
  constexpr int64_t kBytesPerSecond = 32'000;
  TestBatch batch;
  AddFlows(flows, false, &batch);
  const int64_t segment_ns = int64_t{segment_bytes} * 1'000'000'000 / kBytesPerSecond;
  std::geometric_distribution<uint32_t> gap(1.0 / bytes_per_window);
  for (uint32_t flow = 0; flow < flows; ++flow) {
    const auto start_position = static_cast<uint32_t>((*random)());
    uint32_t next_window = gap(*random);
    uint32_t sent = 0;
    int64_t at_ns =
        kStartNs + static_cast<int64_t>(Below(static_cast<uint64_t>(segment_ns), random));
    for (; at_ns < kStartNs + duration_ns; at_ns += segment_ns) {
      sent += segment_bytes;
      for (; next_window < sent; next_window += 1 + gap(*random)) {
        batch.events.push_back({.signature = (*random)(),
                                .time_ns = WholeUnits(at_ns),
                                .flow_index = flow,
                                .position = start_position + next_window,
                                .is_signed = true});
      }
    }
  }
  SortByTime(&batch);
  return batch;
}

TestBatch RtpTraffic(size_t flows, int bytes_per_window, int64_t duration_ns,
                     std::mt19937_64* random) {
  constexpr uint16_t kPayloadBytes = 160;
  std::geometric_distribution<uint32_t> gap(1.0 / bytes_per_window);
  TestBatch batch;
  AddFlows(flows, true, &batch);
  for (uint32_t flow = 0; flow < flows; ++flow) {
    auto sequence = static_cast<uint16_t>((*random)());
    auto timestamp = static_cast<uint32_t>((*random)());
    uint32_t next_window = gap(*random);
    uint32_t sent = 0;
    int64_t at_ns = kStartNs + static_cast<int64_t>(Below(kPacketNs, random));
    for (; at_ns < kStartNs + duration_ns; at_ns += kPacketNs) {
      batch.events.push_back({.signature = (*random)(),
                              .time_ns = WholeUnits(at_ns),
                              .flow_index = flow,
                              .position = sequence++,
                              .rtp_timestamp = timestamp,
                              .payload_bytes = kPayloadBytes,
                              .rtp_payload_type = 0,
                              .level = static_cast<uint8_t>(20 + Below(30, random)),
                              .is_signed = true});
      sent += kPayloadBytes;
      for (; next_window < sent; next_window += 1 + gap(*random)) {
        batch.events.push_back({.signature = (*random)(),
                                .time_ns = WholeUnits(at_ns),
                                .flow_index = flow,
                                .position = static_cast<uint16_t>(sequence - 1),
                                .is_signed = true,
                                .is_rtp_content = true});
      }
      timestamp += kPayloadBytes;
    }
  }
  SortByTime(&batch);
  return batch;
}

}  // namespace audio_latency::wire
