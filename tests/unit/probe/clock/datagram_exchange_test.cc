#include "probe/clock/datagram_exchange.h"

#include <array>
#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "common/wire/clock_datagram.h"
#include "probe/clock/clock_reporter.h"
#include "tests/clock/settable_realtime.h"
#include "tests/support/eventually.h"
#include "tests/support/recording_logger.h"

namespace audio_latency::probe {
namespace {

using testing::Eventually;
using testing::RecordingLogger;
using testing::RestampedSocket;
using testing::SettableRealtime;

using wire::ClockDatagram;
using Samples = google::protobuf::RepeatedPtrField<v1::ClockSample>;

constexpr int64_t kServerAheadNs = 1'000'000'000'000;
constexpr int64_t kSecondNs = 1'000'000'000;

// A correlator whose clock is ahead; before each answer it may send others.
class FakeCorrelator {
 public:
  enum class Behaviour { kAnswers, kHostile, kSilent };

  FakeCorrelator() : thread_([this](const std::stop_token& stop) { Run(stop); }) {}
  ~FakeCorrelator() {
    thread_.request_stop();
    socket_->Interrupt();
  }

  v1::DatagramClock Offer() const {
    v1::DatagramClock offer;
    offer.set_port(static_cast<uint32_t>(socket_->port()));
    offer.set_session_id(kSession);
    offer.set_key(std::string(wire::kClockKeyBytes, 'k'));
    return offer;
  }

  std::atomic<Behaviour> behaviour = Behaviour::kAnswers;
  std::atomic<int> requests = 0;

 private:
  static constexpr uint64_t kSession = 42;

  static std::unique_ptr<wire::ClockKey> Key(uint8_t byte) {
    return wire::ClockKey::Make(std::vector<uint8_t>(wire::kClockKeyBytes, byte)).value();
  }

  void Run(const std::stop_token& stop) {
    const auto key = Key('k');
    const auto wrong_key = Key('w');
    std::array<uint8_t, 100> room;
    while (!stop.stop_requested()) {
      if (!socket_->Wait(kSecondNs)) {
        continue;
      }
      const auto received = socket_->TryReceive(room);
      const auto bytes = std::span<const uint8_t>(room).first(received ? received->bytes : 0);
      const auto request = wire::ReadClockDatagram(bytes);
      if (!request.has_value() || !key->IsAuthentic(bytes)) {
        continue;
      }
      ++requests;
      if (behaviour == Behaviour::kSilent) {
        continue;
      }
      ClockDatagram answer{.kind = ClockDatagram::Kind::kAnswer,
                           .session_id = kSession,
                           .nonce = request->nonce,
                           .receive_time_ns = monotonic_.NowNs() + kServerAheadNs,
                           .send_time_ns = monotonic_.NowNs() + kServerAheadNs};
      if (behaviour == Behaviour::kHostile) {
        ClockDatagram lie = answer;
        lie.receive_time_ns = lie.send_time_ns = 0;
        socket_->SendBack(received->route, wrong_key->Seal(lie));
        lie.nonce += 1;
        socket_->SendBack(received->route, key->Seal(lie));
        socket_->SendBack(received->route, bytes);
        socket_->SendBack(received->route, std::vector<uint8_t>(3, 1));
      }
      socket_->SendBack(received->route, key->Seal(answer));
      // Once more: the nonce is taken.
      socket_->SendBack(received->route, key->Seal(answer));
    }
  }

  const MonotonicClock monotonic_;
  const std::unique_ptr<DatagramSocket> socket_ = BindDatagramSocket("127.0.0.1", 0).value();
  std::jthread thread_;
};

class Bench {
 public:
  DatagramExchange::Parts Parts() {
    return {.realtime = realtime,
            .monotonic = monotonic,
            .logger = &logger,
            .connect = [this](const std::string& host,
                              int port) -> absl::StatusOr<std::unique_ptr<DatagramSocket>> {
              return std::make_unique<RestampedSocket>(ConnectDatagramSocket(host, port).value(),
                                                       realtime);
            }};
  }

  // Every exchange so far must have room for the offset that the clocks have.
  void CheckSamples(int at_least) {
    Samples samples;
    REQUIRE(Eventually([&] {
      exchange->Take(&samples);
      return samples.size() >= at_least;
    }));
    for (const v1::ClockSample& sample : samples) {
      CHECK(sample.correlator_receive_time_ns() - sample.probe_send_time_ns() >= kServerAheadNs);
      CHECK(sample.correlator_send_time_ns() - sample.probe_receive_time_ns() <= kServerAheadNs);
      CHECK(sample.probe_receive_time_ns() <= monotonic.NowNs());
    }
  }

  MonotonicClock monotonic;
  SettableRealtime realtime;
  RecordingLogger logger;
  FakeCorrelator correlator;
  std::unique_ptr<DatagramExchange> exchange = DatagramExchange::Create(Parts());
};

TEST_CASE("exchanges bound the other clock, until the stream ends") {
  Bench bench;
  std::atomic<int> told = 0;
  bench.exchange->Begin("127.0.0.1", bench.correlator.Offer(), [&told] { ++told; });
  bench.CheckSamples(15);
  CHECK(told >= 15);
  CHECK(bench.exchange->statistics().works);
  CHECK(bench.exchange->statistics().completed >= 30);
  CHECK(bench.exchange->statistics().last_round_trip_ns.has_value());
  CHECK(bench.exchange->statistics().unanswered == 0);
  bench.exchange->End();
  const int requests = bench.correlator.requests;
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  CHECK(bench.correlator.requests == requests);
}

TEST_CASE("answers that are not from the correlator, or not to this request, are left") {
  Bench bench;
  bench.correlator.behaviour = FakeCorrelator::Behaviour::kHostile;
  bench.exchange->Begin("127.0.0.1", bench.correlator.Offer(), [] {});
  bench.CheckSamples(10);
  CHECK(bench.exchange->statistics().unexpected >= 4 * 10);
}

TEST_CASE("a wall clock that is set again and again spoils exchanges, never a sample") {
  Bench bench;
  bench.exchange->Begin("127.0.0.1", bench.correlator.Offer(), [] {});
  std::jthread setter([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      bench.realtime.Step(kSecondNs);
      std::this_thread::sleep_for(std::chrono::microseconds(300));
    }
  });
  bench.CheckSamples(15);
  CHECK(Eventually([&] { return bench.exchange->statistics().wall_clock_set > 0; }));
}

TEST_CASE("silence is said once, and its end") {
  Bench bench;
  bench.correlator.behaviour = FakeCorrelator::Behaviour::kSilent;
  bench.exchange->Begin("127.0.0.1", bench.correlator.Offer(), [] {});
  REQUIRE(Eventually([&] { return bench.logger.Count("clock_on_stream_only") == 1; }));
  CHECK_FALSE(bench.exchange->statistics().works);
  CHECK(bench.exchange->statistics().unanswered >= 3);
  bench.correlator.behaviour = FakeCorrelator::Behaviour::kAnswers;
  REQUIRE(Eventually([&] { return bench.logger.Count("clock_on_udp") == 1; }));
  CHECK(bench.exchange->statistics().works);
  CHECK(bench.logger.Count("clock_on_stream_only") == 1);
}

TEST_CASE("an offer that cannot be used is said, and costs nothing else") {
  Bench bench;
  v1::DatagramClock offer = bench.correlator.Offer();
  offer.set_key("short");
  bench.exchange->Begin("127.0.0.1", offer, [] {});
  CHECK(bench.logger.Count("clock_on_stream_only") == 1);
  CHECK_FALSE(bench.exchange->statistics().works);
}

TEST_CASE("reports carry the samples, and once a second the kernel's word") {
  Bench bench;
  ManualClock time(5 * kSecondNs);
  int readings = 0;
  ClockReporter reporter(bench.exchange.get(), time, [&readings] {
    ++readings;
    v1::KernelClock clock;
    clock.set_frequency_ppm(-12.5);
    return std::optional(clock);
  });
  v1::ClockReport report;
  CHECK(reporter.Fill(&report));
  CHECK(report.kernel_clock().frequency_ppm() == -12.5);
  CHECK_FALSE(reporter.Fill(&report));
  bench.exchange->Begin("127.0.0.1", bench.correlator.Offer(), [] {});
  REQUIRE(Eventually([&] { return reporter.Fill(&report); }));
  CHECK(report.datagram_samples_size() >= 1);
  CHECK_FALSE(report.has_kernel_clock());
  bench.exchange->End();
  reporter.Fill(&report);
  time.Advance(kSecondNs);
  CHECK(reporter.Fill(&report));
  CHECK(report.has_kernel_clock());
  CHECK(readings == 2);
}

}  // namespace
}  // namespace audio_latency::probe
