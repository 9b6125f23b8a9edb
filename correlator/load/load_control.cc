#include "correlator/load/load_control.h"

#include <algorithm>
#include <cmath>

namespace audio_latency::correlator {
namespace {

constexpr double kNsPerSecond = 1e9;
// Over which the rate of events is smoothed.
constexpr double kRateSeconds = 1;
// Of the room of the queues: with more in use no more is asked for, until there is less.
constexpr double kWithholdUsedShare = 0.75;
constexpr double kGiveUsedShare = 0.4;
constexpr int64_t kWithholdWaitNs = 2'000'000'000;
// Asking for twice as much must leave some room below the limit.
constexpr double kMostOfLimit = 0.9;

}  // namespace

LoadControl::LoadControl(const LoadControlOptions& options)
    : options_(options),
      tokens_(options.max_events_per_second),
      patience_ns_(options.patience_ns) {}

void LoadControl::CountEvents(uint64_t events, int64_t now_ns) {
  const double limit = options_.max_events_per_second;
  if (has_begun_ && now_ns > last_update_ns_) {
    const double seconds = static_cast<double>(now_ns - last_update_ns_) / kNsPerSecond;
    const auto came = static_cast<double>(events - last_events_);
    const double share = 1 - std::exp(-seconds / kRateSeconds);
    events_per_second_ += share * (came / seconds - events_per_second_);
    tokens_ = std::min(limit, tokens_ + limit * seconds) - came;
  }
  if (!has_begun_) {
    calm_since_ns_ = last_step_ns_ = now_ns;
    has_begun_ = true;
  }
  last_events_ = events;
  last_update_ns_ = now_ns;
}

bool LoadControl::IsOverloaded(const Backlog& backlog) const {
  return backlog.oldest_wait_ns >= options_.overloaded_wait_ns ||
         backlog.used_share >= options_.overloaded_used_share ||
         (options_.max_events_per_second > 0 && tokens_ < 0);
}

bool LoadControl::IsCalm(const Backlog& backlog) const {
  return backlog.oldest_wait_ns < options_.calm_wait_ns &&
         backlog.used_share < options_.calm_used_share &&
         (options_.max_events_per_second == 0 ||
          2 * events_per_second_ < kMostOfLimit * options_.max_events_per_second);
}

void LoadControl::Step(int by, int64_t now_ns) {
  steps_ += by;
  was_raised_last_ = by < 0;
  last_step_ns_ = now_ns;
  calm_since_ns_ = now_ns;
  decision_.sampling_threshold = kSamplingAll >> steps_;
}

void LoadControl::DecideCredit(const Backlog& backlog) {
  const double limit = options_.max_events_per_second;
  if (decision_.gives_credit) {
    decision_.gives_credit = backlog.used_share < kWithholdUsedShare &&
                             backlog.oldest_wait_ns < kWithholdWaitNs &&
                             (limit == 0 || tokens_ > -limit);
  } else {
    decision_.gives_credit = backlog.used_share < kGiveUsedShare &&
                             backlog.oldest_wait_ns < options_.overloaded_wait_ns &&
                             (limit == 0 || tokens_ >= 0);
  }
}

const LoadDecision& LoadControl::Update(const Backlog& backlog, uint64_t events, int64_t now_ns) {
  CountEvents(events, now_ns);
  DecideCredit(backlog);
  if (IsOverloaded(backlog)) {
    calm_since_ns_ = now_ns;
    if (steps_ < options_.most_steps && now_ns - last_step_ns_ >= options_.step_spacing_ns) {
      if (was_raised_last_) {
        patience_ns_ = std::min(2 * patience_ns_, options_.longest_patience_ns);
      }
      Step(+1, now_ns);
    }
  } else if (!IsCalm(backlog)) {
    calm_since_ns_ = now_ns;
  } else if (now_ns - calm_since_ns_ >= patience_ns_) {
    if (steps_ > 0) {
      Step(-1, now_ns);
    } else {
      patience_ns_ = options_.patience_ns;
      was_raised_last_ = false;
    }
  }
  return decision_;
}

}  // namespace audio_latency::correlator
