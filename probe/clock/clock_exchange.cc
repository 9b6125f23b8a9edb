#include "probe/clock/clock_exchange.h"

#include <utility>

namespace audio_latency::probe {

void ClockExchange::Begin() {
  const std::lock_guard lock(mutex_);
  asked_.fill({});
  completed_.reset();
  next_due_ns_ = monotonic_.NowNs();
}

int64_t ClockExchange::NextDueNs() const {
  const std::lock_guard lock(mutex_);
  return next_due_ns_;
}

void ClockExchange::Fill(v1::ClockRequest* request, int64_t interval_ns) {
  const std::lock_guard lock(mutex_);
  request->Clear();
  request->set_sequence(++last_sequence_);
  if (completed_.has_value()) {
    *request->mutable_previous() = *std::exchange(completed_, std::nullopt);
  }
  ++statistics_.requests;
  std::uniform_int_distribution<int64_t> interval(interval_ns * 8 / 10, interval_ns * 12 / 10);
  const int64_t wait_ns = interval(random_);
  Asked& asked = asked_[last_sequence_ % asked_.size()];
  asked.sequence = last_sequence_;
  asked.send_time_ns = monotonic_.NowNs();
  request->set_probe_send_time_ns(asked.send_time_ns);
  next_due_ns_ = asked.send_time_ns + wait_ns;
}

void ClockExchange::OnResponse(const v1::ClockResponse& response, int64_t received_ns) {
  const std::lock_guard lock(mutex_);
  Asked& asked = asked_[response.sequence() % asked_.size()];
  if (response.sequence() == 0 || asked.sequence != response.sequence() ||
      asked.send_time_ns != response.probe_send_time_ns()) {
    ++statistics_.unexpected;
    return;
  }
  asked = {};
  ++statistics_.completed;
  statistics_.last_round_trip_ns =
      (received_ns - response.probe_send_time_ns()) -
      (response.correlator_send_time_ns() - response.correlator_receive_time_ns());
  v1::ClockSample& sample = completed_.emplace();
  sample.set_probe_send_time_ns(response.probe_send_time_ns());
  sample.set_correlator_receive_time_ns(response.correlator_receive_time_ns());
  sample.set_correlator_send_time_ns(response.correlator_send_time_ns());
  sample.set_probe_receive_time_ns(received_ns);
}

ClockExchangeStatistics ClockExchange::statistics() const {
  const std::lock_guard lock(mutex_);
  return statistics_;
}

}  // namespace audio_latency::probe
