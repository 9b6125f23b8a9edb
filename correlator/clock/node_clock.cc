#include "correlator/clock/node_clock.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "common/wire/event_columns.h"
#include "correlator/clock/linear_clock_model.h"

namespace audio_latency::correlator {
namespace {

// The estimate is approached within this time.
constexpr int64_t kSlewNs = 1'000'000'000;
// At ten exchanges a second: half a minute.
constexpr size_t kMaxSegments = 300;
// No sane monotonic clock shows more (some 70 years); sums of two do not overflow.
constexpr int64_t kLargestTimeNs = int64_t{1} << 61;
// Exchanges that took longer bound nothing of use.
constexpr int64_t kLongestExchangeNs = 10'000'000'000;

bool IsSane(const ClockExchange& exchange, int64_t now_ns) {
  for (const int64_t time_ns : {exchange.probe_send_ns, exchange.correlator_receive_ns,
                                exchange.correlator_send_ns, exchange.probe_receive_ns}) {
    if (time_ns < 0 || time_ns > kLargestTimeNs) {
      return false;
    }
  }
  const int64_t at_probe_ns = exchange.probe_receive_ns - exchange.probe_send_ns;
  const int64_t at_correlator_ns = exchange.correlator_send_ns - exchange.correlator_receive_ns;
  return at_correlator_ns >= 0 && at_probe_ns >= at_correlator_ns &&
         at_probe_ns <= kLongestExchangeNs && exchange.correlator_send_ns <= now_ns;
}

// Of a time that is `age_ns` away from the exchange that tells the clock within `bound_ns`.
int64_t BoundAfterNs(int64_t bound_ns, int64_t age_ns) {
  return bound_ns + wire::kTimeUnitNs / 2 +
         static_cast<int64_t>(static_cast<double>(age_ns) * LinearClockModel::kDriftAllowance);
}

}  // namespace

int64_t NodeClock::Segment::OffsetAt(int64_t node_time_ns) const {
  const int64_t since_ns = std::max<int64_t>(node_time_ns - begin_ns, 0);
  return offset_ns + std::llround(drift * static_cast<double>(since_ns) +
                                  slew * static_cast<double>(std::min(since_ns, kSlewNs)));
}

bool NodeClock::Add(const ClockExchange& exchange, int64_t now_ns) {
  if (!IsSane(exchange, now_ns)) {
    return false;
  }
  model_->Add(exchange);
  newest_exchange_ns_ = std::max(newest_exchange_ns_, exchange.correlator_send_ns);
  if (const std::optional<OffsetEstimate> estimate = model_->Estimate()) {
    Follow(*estimate);
  }
  return true;
}

void NodeClock::Follow(const OffsetEstimate& estimate) {
  Segment segment{.begin_ns = std::max(estimate.node_time_ns, newest_converted_ns_),
                  .drift = estimate.drift};
  if (!segments_.empty()) {
    segment.begin_ns = std::max(segment.begin_ns, segments_.back().begin_ns);
    const int64_t told_ns = segments_.back().OffsetAt(estimate.node_time_ns);
    const int64_t off_ns = std::max(estimate.upper_ns - told_ns, told_ns - estimate.lower_ns);
    const bool was_used = newest_converted_ns_ > segments_.back().exchange_ns;
    hindsight_bound_ns_ = was_used ? BoundAfterNs(off_ns, 0) : 0;
  }
  // The estimate is as of its exchange, the segment may begin later.
  const int64_t moved_ns =
      std::llround(estimate.drift * static_cast<double>(segment.begin_ns - estimate.node_time_ns));
  segment.offset_ns = estimate.offset_ns + moved_ns;
  if (!segments_.empty()) {
    segment.offset_ns =
        std::clamp(segments_.back().OffsetAt(segment.begin_ns), estimate.lower_ns + moved_ns,
                   std::max(estimate.lower_ns, estimate.upper_ns) + moved_ns);
    const double wanted = static_cast<double>(estimate.offset_ns + moved_ns - segment.offset_ns) /
                          static_cast<double>(kSlewNs);
    segment.slew = std::clamp(wanted, -kMaxSlew, kMaxSlew);
  }
  const int64_t at_exchange_ns = segment.offset_ns - moved_ns;
  bound_ns_ = std::max(estimate.upper_ns - at_exchange_ns, at_exchange_ns - estimate.lower_ns);
  segment.bound_ns = bound_ns_;
  segment.exchange_ns = estimate.node_time_ns;
  segments_.push_back(segment);
  if (segments_.size() > kMaxSegments) {
    segments_.pop_front();
  }
}

ClockState NodeClock::StateAt(int64_t now_ns) const {
  if (!is_synchronised()) {
    return ClockState::kSynchronising;
  }
  return now_ns - newest_exchange_ns_ > kStaleNs ? ClockState::kStale : ClockState::kGood;
}

const NodeClock::Segment& NodeClock::SegmentAt(int64_t node_time_ns) const {
  if (node_time_ns >= segments_.back().begin_ns) {
    return segments_.back();
  }
  const auto later = std::upper_bound(
      segments_.begin(), segments_.end(), node_time_ns,
      [](int64_t time_ns, const Segment& segment) { return time_ns < segment.begin_ns; });
  return later == segments_.begin() ? segments_.front() : *std::prev(later);
}

int64_t NodeClock::ToCorrelatorNs(int64_t node_time_ns) {
  newest_converted_ns_ = std::max(newest_converted_ns_, node_time_ns);
  return node_time_ns + SegmentAt(node_time_ns).OffsetAt(node_time_ns);
}

int64_t NodeClock::offset_ns() const {
  return segments_.empty() ? 0 : segments_.back().OffsetAt(segments_.back().begin_ns);
}

int64_t NodeClock::ErrorBoundNs(int64_t now_ns) const {
  return BoundAfterNs(bound_ns_, std::max<int64_t>(0, now_ns - newest_exchange_ns_));
}

int64_t NodeClock::ErrorBoundAtNs(int64_t node_time_ns) const {
  const Segment& segment = SegmentAt(node_time_ns);
  return BoundAfterNs(segment.bound_ns, std::abs(node_time_ns - segment.exchange_ns));
}

}  // namespace audio_latency::correlator
