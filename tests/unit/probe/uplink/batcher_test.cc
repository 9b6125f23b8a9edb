#include "probe/uplink/batcher.h"

#include <catch2/catch.hpp>
#include <memory>
#include <vector>

#include "common/loss/sampling_share.h"
#include "tests/support/recording_logger.h"
#include "tests/unit/probe/uplink/test_events.h"

namespace audio_latency::probe {
namespace {

using testing::RecordingLogger;

constexpr int64_t kMillisecondNs = 1'000'000;

class FixedCounters final : public CounterSource {
 public:
  CaptureCounters Read() const override { return counters; }
  uint32_t SamplingThreshold() const override { return sampling_threshold; }
  CaptureCounters counters = {};
  uint32_t sampling_threshold = kSamplingAll;
};

// A batcher on its own clock, and what comes out of it.
class Bench {
 public:
  explicit Bench(const Batcher::Options& options = {})
      : batcher(options, {&directory, nullptr, &counters, &queue, &clock, &logger}) {
    queue.BeginStream(0);
    queue.Acknowledge(0, 100);
  }

  void Add(const std::vector<signature_event>& events) { batcher.OnEvents(events); }

  void Advance(int64_t by_ns) {
    clock.Advance(by_ns);
    batcher.OnTick();
  }

  // The events of a batch, decoded.
  static std::vector<wire::WireEvent> Decode(const OutgoingBatch& batch) {
    std::vector<uint8_t> is_rtp;
    for (const auto& flow : batch.flows) {
      is_rtp.push_back(flow->definition.is_rtp() ? 1 : 0);
    }
    std::vector<wire::WireEvent> events;
    REQUIRE(wire::Decode(batch.message.columns(), is_rtp, &events).ok());
    return events;
  }

  ManualClock clock{1'000 * kMillisecondNs};
  InterfaceDirectory directory;
  FixedCounters counters;
  BatchQueue queue{BatchQueue::Limits{}};
  RecordingLogger logger;
  Batcher batcher;
};

TEST_CASE("a batch comes every 100 ms, and only when there is something to tell") {
  Bench bench;
  bench.Advance(200 * kMillisecondNs);
  CHECK(bench.queue.Next() == nullptr);
  bench.Add({TcpEvent(1, bench.clock.NowNs())});
  bench.Advance(99 * kMillisecondNs);
  CHECK(bench.queue.Next() == nullptr);
  bench.Advance(1 * kMillisecondNs);
  CHECK(bench.queue.Next() != nullptr);
  bench.Advance(100 * kMillisecondNs);
  CHECK(bench.queue.Next() == nullptr);
}

TEST_CASE("events come out as they went in, in time order, each with its flow") {
  Bench bench;
  const int64_t base_ns = bench.clock.NowNs();
  signature_event tcp = TcpEvent(11, base_ns + 2 * wire::kTimeUnitNs);
  tcp.position = 4711;
  signature_event rtp = RtpEvent(22, base_ns + 1 * wire::kTimeUnitNs, 99, 500);
  rtp.flags |= CAPTURE_EVENT_RTP_MARKER;
  rtp.rtp_payload_type = 8;
  signature_event unsigned_rtp = RtpEvent(33, base_ns + 3 * wire::kTimeUnitNs, 99, 501);
  unsigned_rtp.flags = 0;
  bench.Add({tcp, rtp, unsigned_rtp});
  bench.counters.counters[CAPTURE_COUNTER_EVENTS] = 5;
  bench.counters.sampling_threshold = 77;
  bench.batcher.Flush();

  const auto batch = bench.queue.Next();
  REQUIRE(batch != nullptr);
  REQUIRE(batch->flows.size() == 2);
  CHECK(batch->message.columns().flow_ids(0) == batch->flows[0]->id());
  CHECK(batch->message.columns().flow_ids(1) == batch->flows[1]->id());
  CHECK(batch->message.pending_events() == 2);
  CHECK(batch->message.sampling_threshold() == 77);
  // The next batch is stamped with what held for its own events.
  bench.Add({tcp});
  bench.counters.sampling_threshold = 99;
  bench.batcher.Flush();
  bench.Add({tcp});
  bench.batcher.Flush();
  bench.counters.sampling_threshold = 111;
  CHECK(bench.queue.Next()->message.sampling_threshold() == 77);
  CHECK(bench.queue.Next()->message.sampling_threshold() == 99);
  const std::vector<wire::WireEvent> events = Bench::Decode(*batch);
  REQUIRE(events.size() == 3);
  CHECK(events[0].signature == 22);
  CHECK(events[0].position == 500);
  CHECK(events[0].rtp_marker);
  CHECK(events[0].rtp_payload_type == 8);
  CHECK(events[0].payload_bytes == 160);
  CHECK(events[0].level == 30);
  CHECK(events[1].signature == 11);
  CHECK(events[1].position == 4711);
  CHECK(batch->flows[events[1].flow_index]->definition.transport() == 6);
  CHECK_FALSE(events[2].is_signed);
  CHECK(events[2].rtp_timestamp == 160 * 501);
  CHECK(batch->flows[events[2].flow_index]->definition.rtp_ssrc() == 99);
}

TEST_CASE("windows of an RTP stream go with its packets, in one flow") {
  Bench bench;
  const int64_t base_ns = bench.clock.NowNs();
  const signature_event first = RtpEvent(11, base_ns, 99, 500);
  const signature_event second = RtpEvent(12, base_ns + 20 * kMillisecondNs, 99, 501);
  bench.Add({first, RtpContentEvent(21, first), RtpContentEvent(22, first), second,
             RtpContentEvent(23, second)});
  bench.batcher.Flush();
  const auto batch = bench.queue.Next();
  REQUIRE(batch != nullptr);
  CHECK(batch->flows.size() == 1);
  const std::vector<wire::WireEvent> events = Bench::Decode(*batch);
  REQUIRE(events.size() == 5);
  const std::vector<uint64_t> signatures = {11, 21, 22, 12, 23};
  for (size_t i = 0; i < events.size(); ++i) {
    CHECK(events[i].signature == signatures[i]);
    CHECK(events[i].is_rtp_content == (signatures[i] > 20));
    CHECK(events[i].position == (i < 3 ? 500 : 501));
    CHECK(events[i].payload_bytes == (signatures[i] > 20 ? 0 : 160));
  }
}

TEST_CASE("a full batch does not wait") {
  Batcher::Options options;
  options.max_events = 4;
  Bench bench(options);
  for (uint64_t i = 0; i < 10; ++i) {
    bench.Add({TcpEvent(i, bench.clock.NowNs())});
  }
  bench.batcher.Flush();
  std::vector<size_t> sizes;
  while (const auto batch = bench.queue.Next()) {
    sizes.push_back(Bench::Decode(*batch).size());
  }
  CHECK(sizes == std::vector<size_t>{4, 4, 2});
}

TEST_CASE("losses are told as they change, by cause") {
  Bench bench;
  bench.counters.counters[CAPTURE_COUNTER_RING_FULL] = 5;
  // Nothing that was lost: no reason for a batch.
  bench.counters.counters[CAPTURE_COUNTER_PORT_FILTERED] = 1000;
  bench.Advance(100 * kMillisecondNs);
  const auto batch = bench.queue.Next();
  REQUIRE(batch != nullptr);
  REQUIRE(batch->message.drops_size() == 1);
  CHECK(batch->message.drops(0).cause() == "ring_full");
  CHECK(batch->message.drops(0).count() == 5);
  bench.counters.counters[CAPTURE_COUNTER_PORT_FILTERED] = 2000;
  bench.Advance(100 * kMillisecondNs);
  CHECK(bench.queue.Next() == nullptr);
  bench.counters.counters[CAPTURE_COUNTER_RING_FULL] = 7;
  bench.Advance(100 * kMillisecondNs);
  CHECK(bench.queue.Next()->message.drops(0).count() == 2);
}

TEST_CASE("events beyond the flow limit are counted, silent flows end") {
  Batcher::Options options;
  options.max_flows = 1;
  options.flow_timeout_ns = 5'000 * kMillisecondNs;
  Bench bench(options);
  bench.Add({TcpEvent(1, bench.clock.NowNs(), 1), TcpEvent(2, bench.clock.NowNs(), 2),
             TcpEvent(3, bench.clock.NowNs(), 3)});
  bench.Advance(100 * kMillisecondNs);
  const auto batch = bench.queue.Next();
  REQUIRE(batch->message.drops_size() == 1);
  CHECK(batch->message.drops(0).cause() == kCauseFlowLimit);
  CHECK(batch->message.drops(0).count() == 2);

  bench.Advance(4'000 * kMillisecondNs);
  CHECK(bench.batcher.statistics().flows == 1);
  bench.Advance(1'000 * kMillisecondNs);
  CHECK(bench.batcher.statistics().flows == 0);
  CHECK(bench.batcher.statistics().flows_expired == 1);
  // Carried by a batch, told after that is taken.
  REQUIRE(bench.queue.Next() != nullptr);
  bench.queue.Acknowledge(2, 100);
  CHECK(bench.queue.Next()->message.ended_flow_ids(0) == 1);
  CHECK(bench.logger.lines().empty());
}

}  // namespace
}  // namespace audio_latency::probe
