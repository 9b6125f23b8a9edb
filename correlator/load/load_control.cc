#include "correlator/load/load_control.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace audio_latency::correlator {
namespace {

constexpr double kNsPerSecond = 1e9;
// Over which the rates of events are smoothed.
constexpr double kRateSeconds = 1;
// Of the room of the queues: with more in use no more is asked for, until there is less.
constexpr double kWithholdUsedShare = 0.75;
constexpr double kGiveUsedShare = 0.4;
constexpr int64_t kWithholdWaitNs = 2'000'000'000;
// Asking for twice as much must leave some room below the limit.
constexpr double kMostOfLimit = 0.9;
// What came beyond the limit is remembered for so long, and no more held against what comes next.
constexpr double kMostDebtSeconds = 2;
// Ingest is judged over so long, and may be behind by what is made in so many seconds, or so many
// events: probes send ten times a second.
constexpr int64_t kIngestJudgedNs = 3'000'000'000;
constexpr double kMostPendingSeconds = 2;
constexpr double kFewPendingEvents = 10'000;
// Taken for made, but for what the rates of two counts differ by when all goes well.
constexpr double kTakenShare = 0.95;

}  // namespace

LoadControl::LoadControl(const LoadControlOptions& options)
    : options_(options), tokens_(options.max_events_per_second), patience_ns_(options.patience_ns) {
  decision_.credit_batches = options.most_credit_batches;
}

void LoadControl::CountEvents(const LoadView& view, int64_t now_ns) {
  const double limit = options_.max_events_per_second;
  if (!has_begun_) {
    calm_since_ns_ = last_step_ns_ = now_ns;
    has_begun_ = true;
  } else if (now_ns > last_update_ns_) {
    const double seconds = static_cast<double>(now_ns - last_update_ns_) / kNsPerSecond;
    const double share = 1 - std::exp(-seconds / kRateSeconds);
    const auto taken = static_cast<double>(view.taken_events - last_.taken_events);
    const auto made = static_cast<double>(view.made_events - last_.made_events);
    taken_per_second_ += share * (taken / seconds - taken_per_second_);
    made_per_second_ += share * (made / seconds - made_per_second_);
    tokens_ =
        std::max(std::min(limit, tokens_ + limit * seconds) - taken, -limit * kMostDebtSeconds);
  }
  last_ = view;
  last_update_ns_ = now_ns;
}

bool LoadControl::IsIngestBehind(const LoadView& view, int64_t now_ns) {
  const int64_t judged_ns = now_ns - judged_since_ns_;
  if (decision_.gives_credit() && judged_since_ns_ != 0 && judged_ns < kIngestJudgedNs) {
    return false;
  }
  const auto taken = static_cast<double>(view.taken_events - judged_taken_);
  const auto made = static_cast<double>(view.made_events - judged_made_);
  const bool is_judged = decision_.gives_credit() && judged_since_ns_ != 0;
  judged_taken_ = view.taken_events;
  judged_made_ = view.made_events;
  judged_since_ns_ = now_ns;
  return is_judged && taken<kTakenShare * made&& static_cast<double>(view.pending_events)> std::max(
                          kFewPendingEvents, kMostPendingSeconds * made_per_second_);
}

bool LoadControl::IsOverloaded(const LoadView& view) const {
  // While credit is withheld the stages work off what was asked for before.
  const bool are_stages_behind = view.backlog.oldest_wait_ns >= options_.overloaded_wait_ns ||
                                 view.backlog.used_share >= options_.overloaded_used_share;
  return (are_stages_behind && decision_.gives_credit()) ||
         (options_.max_events_per_second > 0 && made_per_second_ > options_.max_events_per_second);
}

bool LoadControl::IsCalm(const LoadView& view) const {
  // Where everything is asked for already, twice as much will not come.
  const double asked = steps_ > 0 ? 2 * made_per_second_ : made_per_second_;
  return view.backlog.oldest_wait_ns < options_.calm_wait_ns &&
         view.backlog.used_share < options_.calm_used_share &&
         (options_.max_events_per_second == 0 ||
          asked < kMostOfLimit * options_.max_events_per_second);
}

void LoadControl::Step(int by, int64_t now_ns) {
  steps_ += by;
  was_raised_last_ = by < 0;
  last_step_ns_ = now_ns;
  calm_since_ns_ = now_ns;
  overloaded_.Reset();
  // As it will be: what was smoothed over the time before must not be taken for it.
  made_per_second_ *= by > 0 ? 0.5 : 2;
  decision_.sampling_threshold = kSamplingAll >> steps_;
}

// So that what all probes may have on the way finds room. In powers of two, for a probe is told of
// every change.
uint32_t LoadControl::CreditFor(const LoadView& view) const {
  if (view.probes == 0 || view.taken_batches == 0) {
    return options_.most_credit_batches;
  }
  const double batch_events = std::max(
      1.0, static_cast<double>(view.taken_events) / static_cast<double>(view.taken_batches));
  const double batches = static_cast<double>(view.backlog.room_events) / batch_events / view.probes;
  return batches >= options_.most_credit_batches
             ? options_.most_credit_batches
             : std::bit_floor(std::max(1u, static_cast<uint32_t>(batches)));
}

void LoadControl::DecideCredit(const LoadView& view) {
  const double limit = options_.max_events_per_second;
  const Backlog& backlog = view.backlog;
  bool gives = false;
  if (decision_.gives_credit()) {
    gives = backlog.used_share < kWithholdUsedShare && backlog.oldest_wait_ns < kWithholdWaitNs &&
            (limit == 0 || tokens_ > -limit);
  } else {
    gives = backlog.used_share < kGiveUsedShare &&
            backlog.oldest_wait_ns < options_.overloaded_wait_ns && (limit == 0 || tokens_ >= 0);
  }
  decision_.credit_batches = gives ? CreditFor(view) : 0;
}

const LoadDecision& LoadControl::Update(const LoadView& view, int64_t now_ns) {
  CountEvents(view, now_ns);
  DecideCredit(view);
  const bool is_ingest_behind = IsIngestBehind(view, now_ns);
  const bool must_step =
      overloaded_.Add(IsOverloaded(view), options_.looks_in_a_row) || is_ingest_behind;
  if (not_calm_.Add(!IsCalm(view), options_.looks_in_a_row) || is_ingest_behind) {
    calm_since_ns_ = now_ns;
  }
  if (must_step) {
    if (steps_ < options_.most_steps && now_ns - last_step_ns_ >= options_.step_spacing_ns) {
      if (was_raised_last_) {
        patience_ns_ = std::min(2 * patience_ns_, options_.longest_patience_ns);
      }
      Step(+1, now_ns);
    }
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
