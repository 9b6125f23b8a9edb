#include "probe/uplink/uplink.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "common/loss/sampling_share.h"
#include "probe/uplink/batcher.h"
#include "tests/support/eventually.h"
#include "tests/support/recording_logger.h"
#include "tests/unit/probe/uplink/test_correlator.h"
#include "tests/unit/probe/uplink/test_events.h"

namespace audio_latency::probe {
namespace {

using testing::Eventually;
using testing::RecordingLogger;

using Seen = TestCorrelator::Seen;

class NoCounters final : public CounterSource {
 public:
  CaptureCounters Read() const override { return {}; }
  uint32_t SamplingThreshold() const override { return kSamplingAll; }
};

// The probe's uplink, fed by hand.
class Bench {
 public:
  Bench()
      : batcher(Batcher::Options{}, {&directory, nullptr, &counters, &queue, &monotonic, &logger}) {
    directory.Put(7, "veth7", InterfaceRole::kContainer);
  }

  std::unique_ptr<Uplink> Start(const std::string& address,
                                std::chrono::milliseconds lasting = std::chrono::minutes(1)) {
    UplinkOptions options;
    options.lasting = lasting;
    options.correlator_address = address;
    options.hello.set_node("node-a");
    options.hello.set_instance("instance-1");
    options.first_retry = std::chrono::milliseconds(10);
    options.longest_retry = std::chrono::milliseconds(100);
    options.retry_after_refusal = retry_after_refusal;
    options.retry_after_name_taken = std::chrono::milliseconds(100);
    options.patience = std::chrono::milliseconds(1'000);
    options.on_sampling = [this](uint32_t threshold) { sampling_threshold = threshold; };
    return Uplink::Start(options, &queue, &clock_exchange, datagrams.get(), monotonic, &logger);
  }

  // One batch with an event in each of two flows.
  void PushBatch(uint64_t signature) {
    const int64_t now_ns = monotonic.NowNs();
    batcher.OnEvents(std::vector<signature_event>{
        TcpEvent(signature, now_ns, 1),
        TcpEvent(signature, now_ns, static_cast<uint16_t>(2 + signature % 20))});
    batcher.Flush();
  }

  RealtimeClock realtime;
  MonotonicClock monotonic;
  InterfaceDirectory directory;
  NoCounters counters;
  BatchQueue queue{BatchQueue::Limits{}};
  ClockExchange clock_exchange{monotonic};
  RecordingLogger logger;
  std::unique_ptr<DatagramExchange> datagrams =
      DatagramExchange::Create({.realtime = realtime, .monotonic = monotonic, .logger = &logger});
  Batcher batcher;
  std::atomic<uint32_t> sampling_threshold = 0;
  std::chrono::milliseconds retry_after_refusal{100};
};

TEST_CASE("credit is kept to, and what is to be kept is handed on") {
  TestCorrelator::Behaviour behaviour;
  behaviour.credit_batches = 3;
  behaviour.acknowledge_every = 1000;
  behaviour.sampling_threshold = 12345;
  TestCorrelator correlator(behaviour);
  Bench bench;
  for (uint64_t i = 1; i <= 10; ++i) {
    bench.PushBatch(i);
  }
  const auto uplink = bench.Start(correlator.address());
  REQUIRE(correlator.WaitFor([](const Seen& seen) { return seen.batches.size() >= 3; }));
  CHECK(Eventually([&] { return bench.sampling_threshold == 12345; }));
  // Clock exchanges go on meanwhile.
  const size_t requests = correlator.seen().clock_requests.size();
  REQUIRE(correlator.WaitFor(
      [&](const Seen& seen) { return seen.clock_requests.size() >= requests + 3; }));
  CHECK(correlator.seen().batches.size() == 3);
  CHECK(bench.queue.statistics().buffered_batches == 10);
}

TEST_CASE("all batches arrive through broken streams, with their definitions") {
  constexpr uint64_t kBatches = 200;
  TestCorrelator::Behaviour behaviour;
  behaviour.break_after_batches = {1, 30, 2, 50};
  behaviour.acknowledge_every = 3;
  TestCorrelator correlator(behaviour);
  Bench bench;
  const auto uplink = bench.Start(correlator.address());
  for (uint64_t i = 1; i <= kBatches; ++i) {
    bench.PushBatch(i);
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  REQUIRE(correlator.WaitFor([](const Seen& seen) { return seen.batches.size() >= kBatches; }));
  const Seen seen = correlator.seen();
  CHECK(seen.batches.size() == kBatches);
  CHECK(seen.batches.begin()->first == 1);
  CHECK(seen.batches.rbegin()->first == kBatches);
  for (const auto& [number, batch] : seen.batches) {
    REQUIRE(batch.columns().signatures_size() == 2);
    CHECK(batch.columns().signatures(0) == number);
  }
  CHECK(seen.gaps == 0);
  CHECK(seen.undefined == 0);
  CHECK(seen.streams == 5);
  CHECK(seen.instances.size() == 1);
  // The last batch of each broken stream was taken but not acknowledged.
  CHECK(seen.duplicates >= 4);
  CHECK(bench.queue.statistics().batches_resent >= 4);
  CHECK(bench.queue.statistics().batches_dropped == 0);
}

TEST_CASE("a correlator that comes later, or again, is found") {
  Bench bench;
  int port = 0;
  {
    const TestCorrelator placeholder({});
    port = placeholder.port();
  }
  const auto uplink = bench.Start("127.0.0.1:" + std::to_string(port));
  bench.PushBatch(1);
  REQUIRE(Eventually([&] { return uplink->statistics().failed_attempts >= 2; }));
  CHECK_FALSE(uplink->statistics().connected);
  // Said once, however often it is tried.
  CHECK(bench.logger.Count("correlator_unreachable") == 1);
  CHECK_THAT(bench.logger.lines().back().message, Catch::Contains("audio traffic is not affected"));
  {
    TestCorrelator correlator({}, port);
    REQUIRE(correlator.WaitFor([](const Seen& seen) { return seen.batches.size() == 1; }));
    CHECK(bench.logger.Count("correlator_connected") == 1);
    REQUIRE(
        bench.queue.WaitUntilEmpty(std::chrono::steady_clock::now() + std::chrono::seconds(10)));
  }
  REQUIRE(Eventually([&] { return !uplink->statistics().connected; }));
  bench.PushBatch(2);
  TestCorrelator correlator({}, port);
  REQUIRE(correlator.WaitFor([](const Seen& seen) { return seen.batches.contains(2); }));
  CHECK(correlator.seen().undefined == 0);
  CHECK(uplink->statistics().connections == 2);
}

TEST_CASE("a stream that had lasted is replaced in silence, one that had not is a loss") {
  for (const bool has_lasted : {true, false}) {
    CAPTURE(has_lasted);
    TestCorrelator::Behaviour behaviour;
    behaviour.break_after_batches = {1};
    TestCorrelator correlator(behaviour);
    Bench bench;
    const auto uplink =
        bench.Start(correlator.address(), std::chrono::milliseconds(has_lasted ? 1 : 60'000));
    REQUIRE(Eventually([&] { return uplink->statistics().connected; }));
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    bench.PushBatch(1);
    REQUIRE(Eventually([&] { return uplink->statistics().connections == 2; }));
    const auto connected_lines = [&] { return bench.logger.Count("correlator_connected"); };
    CHECK(Eventually([&] { return connected_lines() == 2; }));
    CHECK(bench.logger.Count("correlator_unreachable") == (has_lasted ? 0 : 1));
    CHECK(bench.logger.Count("correlator_stream_ended") == (has_lasted ? 1 : 0));
  }
}

TEST_CASE("clocks are exchanged about ten times a second, each sample told by the next request") {
  TestCorrelator correlator({});
  Bench bench;
  const auto uplink = bench.Start(correlator.address());
  REQUIRE(correlator.WaitFor([](const Seen& seen) { return !seen.clock_requests.empty(); }));
  const auto begin = std::chrono::steady_clock::now();
  REQUIRE(correlator.WaitFor([](const Seen& seen) { return seen.clock_requests.size() >= 11; }));
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  // Not more often; less often is what a busy machine makes of it.
  CHECK(took.count() > 0.7);
  const Seen seen = correlator.seen();
  for (size_t i = 1; i < seen.clock_requests.size(); ++i) {
    REQUIRE(seen.clock_requests[i].has_previous());
    const v1::ClockSample& sample = seen.clock_requests[i].previous();
    CHECK(sample.probe_send_time_ns() == seen.clock_requests[i - 1].probe_send_time_ns());
    // One machine, one clock.
    CHECK(sample.probe_send_time_ns() <= sample.correlator_receive_time_ns());
    CHECK(sample.correlator_receive_time_ns() <= sample.correlator_send_time_ns());
    CHECK(sample.correlator_send_time_ns() <= sample.probe_receive_time_ns());
  }
}

TEST_CASE("a refusal is an error with the correlator's reason, and tried again") {
  TestCorrelator::Behaviour behaviour;
  behaviour.refusal = "SIGNATURE_WINDOW_SIZE is 64 here and 256 elsewhere";
  TestCorrelator correlator(behaviour);
  Bench bench;
  const auto uplink = bench.Start(correlator.address());
  REQUIRE(correlator.WaitFor([](const Seen& seen) { return seen.streams >= 2; }));
  CHECK(bench.logger.Count("correlator_refused") >= 1);
  CHECK_THAT(bench.logger.lines().back().message, Catch::Contains("64 here and 256 elsewhere"));
  CHECK(bench.logger.Count("correlator_unreachable") == 0);
  CHECK_FALSE(uplink->statistics().connected);
}

TEST_CASE("a probe whose node another one reports asks again soon, and says so once") {
  TestCorrelator::Behaviour behaviour;
  behaviour.refusal = "node node-a is reported by a newer probe";
  behaviour.refusal_code = grpc::StatusCode::ALREADY_EXISTS;
  TestCorrelator correlator(behaviour);
  Bench bench;
  // Longer than the test waits.
  bench.retry_after_refusal = std::chrono::hours(1);
  const auto uplink = bench.Start(correlator.address());
  REQUIRE(correlator.WaitFor([](const Seen& seen) { return seen.streams >= 5; }));
  CHECK(bench.logger.Count("node_name_taken") == 1);
  CHECK_THAT(bench.logger.lines().back().message, Catch::Contains("reported by a newer probe"));
  CHECK(bench.logger.Count("correlator_refused") == 0);
}

TEST_CASE("a correlator that never answers is left, and the end does not wait for it") {
  TestCorrelator::Behaviour behaviour;
  behaviour.is_mute = true;
  TestCorrelator correlator(behaviour);
  Bench bench;
  auto uplink = bench.Start(correlator.address());
  REQUIRE(Eventually([&] { return bench.logger.Count("correlator_unreachable") == 1; }));
  CHECK_THAT(bench.logger.lines().back().message, Catch::Contains("does not answer"));
  const auto begin = std::chrono::steady_clock::now();
  uplink.reset();
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(1));
}

}  // namespace
}  // namespace audio_latency::probe
