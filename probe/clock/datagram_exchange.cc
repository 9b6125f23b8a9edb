#include "probe/clock/datagram_exchange.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <random>
#include <span>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

#include "common/datagram/arrival_clock.h"
#include "common/status/status_macros.h"
#include "common/wire/clock_datagram.h"
#include "fmt/format.h"
#include "nlohmann/json.hpp"

namespace audio_latency::probe {
namespace {

// One directly after the other.
constexpr int kExchangesPerBurst = 2;
// The correlator needs a few to know the clock at all: at the start they come faster.
constexpr int kFirstBursts = 10;
constexpr int64_t kFirstIntervalNs = 20'000'000;
// Where nobody answers.
constexpr int64_t kSilentIntervalNs = 2'000'000'000;
constexpr int kMostUnanswered = 3;
// What is not fetched for reporting is forgotten, the oldest first.
constexpr size_t kMostSamples = 32;

int64_t RoundTripNs(const v1::ClockSample& sample) {
  return (sample.probe_receive_time_ns() - sample.probe_send_time_ns()) -
         (sample.correlator_send_time_ns() - sample.correlator_receive_time_ns());
}

// What outlives a stream.
class Record {
 public:
  void Count(uint64_t DatagramExchangeStatistics::*counter) {
    const std::lock_guard lock(mutex_);
    ++(statistics_.*counter);
  }
  void Completed(const v1::ClockSample& sample, int64_t now_ns) {
    const std::lock_guard lock(mutex_);
    ++statistics_.completed;
    statistics_.last_round_trip_ns = RoundTripNs(sample);
    last_answer_ns_ = now_ns;
  }
  void Report(v1::ClockSample sample) {
    const std::lock_guard lock(mutex_);
    if (samples_.size() == kMostSamples) {
      samples_.erase(samples_.begin());
    }
    samples_.push_back(std::move(sample));
  }
  void Take(google::protobuf::RepeatedPtrField<v1::ClockSample>* samples) {
    const std::lock_guard lock(mutex_);
    for (v1::ClockSample& sample : samples_) {
      *samples->Add() = std::move(sample);
    }
    samples_.clear();
  }
  // What was exchanged on the stream before says nothing of the next correlator's clock.
  void Forget() {
    const std::lock_guard lock(mutex_);
    samples_.clear();
    last_answer_ns_.reset();
  }
  DatagramExchangeStatistics statistics(int64_t now_ns) const {
    const std::lock_guard lock(mutex_);
    DatagramExchangeStatistics statistics = statistics_;
    statistics.works =
        last_answer_ns_.has_value() && now_ns - *last_answer_ns_ < DatagramExchange::kSilenceNs;
    return statistics;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<v1::ClockSample> samples_;
  std::optional<int64_t> last_answer_ns_;
  DatagramExchangeStatistics statistics_;
};

// One stream's exchanges, in a thread of their own.
class Session {
 public:
  Session(const DatagramExchange::Parts& parts, std::unique_ptr<DatagramSocket> socket,
          std::unique_ptr<wire::ClockKey> key, uint64_t id, std::string correlator, Record* record,
          std::function<void()> on_sample)
      : parts_(parts),
        socket_(std::move(socket)),
        key_(std::move(key)),
        id_(id),
        correlator_(std::move(correlator)),
        record_(*record),
        on_sample_(std::move(on_sample)),
        arrivals_(socket_.get(), parts.realtime, parts.monotonic),
        thread_([this](const std::stop_token& stop) { Run(stop); }) {}

  ~Session() {
    thread_.request_stop();
    socket_->Interrupt();
  }

 private:
  void Run(const std::stop_token& stop) {
    int unanswered = 0;
    bool has_warned = false;
    for (int bursts = 0; !stop.stop_requested(); ++bursts) {
      if (Burst()) {
        unanswered = 0;
        if (std::exchange(has_warned, false)) {
          parts_.logger->Info("clock_on_udp",
                              fmt::format("{} answers: error bars are narrow again", correlator_));
        }
        Sleep(bursts < kFirstBursts ? kFirstIntervalNs : DatagramExchange::kIntervalNs, stop);
        continue;
      }
      if (stop.stop_requested()) {
        return;
      }
      if (++unanswered >= kMostUnanswered && !std::exchange(has_warned, true)) {
        parts_.logger->Warn(
            "clock_on_stream_only",
            fmt::format("{} does not answer: this node's clock is compared on the stream instead, "
                        "with error bars of some 0.5 ms; let UDP to that port through",
                        correlator_));
      }
      Sleep(has_warned ? kSilentIntervalNs : DatagramExchange::kIntervalNs, stop);
    }
  }

  // False when nobody answered.
  bool Burst() {
    bool is_answered = false;
    std::optional<v1::ClockSample> best;
    for (int i = 0; i < kExchangesPerBurst; ++i) {
      const Outcome outcome = Exchange();
      if (!outcome.is_answered) {
        record_.Count(&DatagramExchangeStatistics::unanswered);
        break;
      }
      is_answered = true;
      const std::optional<v1::ClockSample>& sample = outcome.sample;
      if (sample.has_value() && (!best.has_value() || RoundTripNs(*sample) < RoundTripNs(*best))) {
        best = sample;
      }
    }
    if (best.has_value()) {
      record_.Report(*std::move(best));
      on_sample_();
    }
    return is_answered;
  }

  struct Outcome {
    bool is_answered = false;
    // Nothing when the answer was of no use.
    std::optional<v1::ClockSample> sample;
  };

  Outcome Exchange() {
    const uint64_t nonce = uint64_t{random_()} << 32 | random_();
    const wire::ClockDatagramBytes request = key_->Seal(
        {.kind = wire::ClockDatagram::Kind::kRequest, .session_id = id_, .nonce = nonce});
    arrivals_.Empty();
    record_.Count(&DatagramExchangeStatistics::requests);
    const int64_t sent_ns = parts_.monotonic.NowNs();
    if (!socket_->Send(request)) {
      return {};
    }
    // A byte more, so that what is too long is seen to be.
    std::array<uint8_t, wire::kClockDatagramBytes + 1> room;
    for (;;) {
      const int64_t left_ns = sent_ns + DatagramExchange::kPatienceNs - parts_.monotonic.NowNs();
      const std::optional<ArrivalClock::Arrival> arrival =
          left_ns > 0 ? arrivals_.Receive(room, left_ns) : std::nullopt;
      if (!arrival.has_value()) {
        return {};
      }
      const auto bytes =
          std::span<const uint8_t>(room).first(std::min(arrival->datagram.bytes, room.size()));
      const std::optional<wire::ClockDatagram> answer = wire::ReadClockDatagram(bytes);
      if (!answer.has_value() || answer->kind != wire::ClockDatagram::Kind::kAnswer ||
          answer->session_id != id_ || answer->nonce != nonce || !key_->IsAuthentic(bytes)) {
        record_.Count(&DatagramExchangeStatistics::unexpected);
        continue;
      }
      if (arrival->wall_clock_was_set) {
        record_.Count(&DatagramExchangeStatistics::wall_clock_set);
        return {.is_answered = true, .sample = std::nullopt};
      }
      v1::ClockSample sample;
      sample.set_probe_send_time_ns(sent_ns);
      sample.set_correlator_receive_time_ns(answer->receive_time_ns);
      sample.set_correlator_send_time_ns(answer->send_time_ns);
      sample.set_probe_receive_time_ns(arrival->monotonic_ns);
      record_.Completed(sample, arrival->monotonic_ns);
      return {.is_answered = true, .sample = std::move(sample)};
    }
  }

  // Of uneven length, so that the exchanges keep step with nothing else on the node.
  void Sleep(int64_t about_ns, const std::stop_token& stop) {
    std::uniform_int_distribution<int64_t> length(about_ns * 8 / 10, about_ns * 12 / 10);
    std::unique_lock lock(sleep_mutex_);
    sleep_.wait_for(lock, stop, std::chrono::nanoseconds(length(jitter_)), [] { return false; });
  }

  const DatagramExchange::Parts parts_;
  const std::unique_ptr<DatagramSocket> socket_;
  const std::unique_ptr<wire::ClockKey> key_;
  const uint64_t id_;
  const std::string correlator_;
  Record& record_;
  const std::function<void()> on_sample_;
  ArrivalClock arrivals_;
  std::random_device random_;
  std::minstd_rand jitter_{random_()};
  std::mutex sleep_mutex_;
  std::condition_variable_any sleep_;
  std::jthread thread_;
};

class ThreadedDatagramExchange final : public DatagramExchange {
 public:
  explicit ThreadedDatagramExchange(const Parts& parts) : parts_(parts) {}

  void Begin(const std::string& host, const v1::DatagramClock& offer,
             std::function<void()> on_sample) override {
    End();
    const absl::Status status = Start(host, offer, std::move(on_sample));
    if (!status.ok()) {
      parts_.logger->Warn(
          "clock_on_stream_only",
          fmt::format("{}; this node's clock is compared on the stream instead, with error bars of "
                      "some 0.5 ms",
                      Message(status)));
    }
  }

  void End() override {
    std::unique_ptr<Session> ended;
    {
      const std::lock_guard lock(mutex_);
      ended = std::move(session_);
    }
    ended.reset();
    record_.Forget();
  }

  void Take(google::protobuf::RepeatedPtrField<v1::ClockSample>* samples) override {
    record_.Take(samples);
  }

  DatagramExchangeStatistics statistics() const override {
    return record_.statistics(parts_.monotonic.NowNs());
  }

 private:
  absl::Status Start(const std::string& host, const v1::DatagramClock& offer,
                     std::function<void()> on_sample) {
    const int port = static_cast<int>(offer.port());
    const auto* const key = reinterpret_cast<const uint8_t*>(offer.key().data());
    ASSIGN_OR_RETURN(std::unique_ptr<wire::ClockKey> sealed,
                     wire::ClockKey::Make(std::span(key, offer.key().size())));
    ASSIGN_OR_RETURN(std::unique_ptr<DatagramSocket> socket, parts_.connect(host, port));
    const std::lock_guard lock(mutex_);
    session_ =
        std::make_unique<Session>(parts_, std::move(socket), std::move(sealed), offer.session_id(),
                                  fmt::format("UDP port {} of the correlator at {}", port, host),
                                  &record_, std::move(on_sample));
    return absl::OkStatus();
  }

  const Parts parts_;
  Record record_;
  std::mutex mutex_;
  std::unique_ptr<Session> session_;
};

}  // namespace

std::unique_ptr<DatagramExchange> DatagramExchange::Create(const Parts& parts) {
  return std::make_unique<ThreadedDatagramExchange>(parts);
}

}  // namespace audio_latency::probe
