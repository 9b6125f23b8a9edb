#include "correlator/clock/interval_clock_model.h"

#include <algorithm>
#include <limits>

namespace audio_latency::correlator {
namespace {

// A probe that asks more often than it should does not make the window longer than this.
constexpr size_t kMaxWindow = 256;

}  // namespace

void IntervalClockModel::Add(const ClockExchange& exchange) {
  const int64_t node_time_ns = exchange.probe_receive_ns;
  window_.push_back({.node_time_ns = node_time_ns,
                     .lower_ns = exchange.correlator_send_ns - exchange.probe_receive_ns,
                     .upper_ns = exchange.correlator_receive_ns - exchange.probe_send_ns});
  ++exchanges_;
  while (window_.front().node_time_ns < node_time_ns - kWindowNs || window_.size() > kMaxWindow) {
    window_.pop_front();
  }
  // A clock that drifts more than allowed, or stepped, contradicts its own past.
  for (OffsetEstimate estimate = Intersect();
       estimate.lower_ns > estimate.upper_ns && window_.size() > 1; estimate = Intersect()) {
    window_.pop_front();
  }
}

OffsetEstimate IntervalClockModel::Intersect() const {
  OffsetEstimate estimate{.node_time_ns = window_.back().node_time_ns,
                          .lower_ns = std::numeric_limits<int64_t>::min(),
                          .upper_ns = std::numeric_limits<int64_t>::max()};
  for (const Bounds& bounds : window_) {
    const int64_t age_ns = std::max<int64_t>(0, estimate.node_time_ns - bounds.node_time_ns);
    const int64_t drift_ns = static_cast<int64_t>(static_cast<double>(age_ns) * kDriftAllowance);
    estimate.lower_ns = std::max(estimate.lower_ns, bounds.lower_ns - drift_ns);
    estimate.upper_ns = std::min(estimate.upper_ns, bounds.upper_ns + drift_ns);
  }
  return estimate;
}

std::optional<OffsetEstimate> IntervalClockModel::Estimate() const {
  if (exchanges_ < kLeastExchanges) {
    return std::nullopt;
  }
  OffsetEstimate estimate = Intersect();
  estimate.offset_ns = estimate.lower_ns + (estimate.upper_ns - estimate.lower_ns) / 2;
  return estimate;
}

}  // namespace audio_latency::correlator
