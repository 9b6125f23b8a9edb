// How much of the audio the probes are to tell: less when the correlator cannot take it all.

#ifndef CORRELATOR_LOAD_LOAD_CONTROL_H_
#define CORRELATOR_LOAD_LOAD_CONTROL_H_

#include <cstdint>

#include "common/loss/sampling_share.h"
#include "correlator/load/backlog.h"

namespace audio_latency::correlator {

struct LoadControlOptions {
  // Events that all probes together may send a second; 0: as many as the stages can take.
  uint32_t max_events_per_second = 0;
  // The stages are overloaded from either of these on, and at ease below either of the others.
  int64_t overloaded_wait_ns = 500'000'000;
  double overloaded_used_share = 0.5;
  int64_t calm_wait_ns = 100'000'000;
  double calm_used_share = 0.1;
  // A change takes this long to show: probes hear of it, and what they had made is worked off.
  int64_t step_spacing_ns = 1'000'000'000;
  // So long at ease before more is asked for; doubled, up to the longest, each time that the
  // correlator could not bear it.
  int64_t patience_ns = 5'000'000'000;
  int64_t longest_patience_ns = 80'000'000'000;
  // The share never falls below 2^-most_steps.
  int most_steps = 10;
};

// What the probes are told.
struct LoadDecision {
  uint32_t sampling_threshold = kSamplingAll;
  // Whether they may send.
  bool gives_credit = true;

  friend bool operator==(const LoadDecision&, const LoadDecision&) = default;
};

// The decisions, on a clock that is passed in. The share of the signatures that all probes keep is
// halved while the stages fall behind and doubled when they have been at ease for a while; credit
// is withheld only when they are far behind, so that the probes' buffers fill, not the queues here.
// Not thread-safe.
class LoadControl {
 public:
  explicit LoadControl(const LoadControlOptions& options);

  // `events`: taken since the start. Call it about ten times a second, on a monotonic clock.
  const LoadDecision& Update(const Backlog& backlog, uint64_t events, int64_t now_ns);

  const LoadDecision& decision() const { return decision_; }
  // Taken lately, a second.
  double events_per_second() const { return events_per_second_; }

 private:
  void CountEvents(uint64_t events, int64_t now_ns);
  bool IsOverloaded(const Backlog& backlog) const;
  bool IsCalm(const Backlog& backlog) const;
  void Step(int by, int64_t now_ns);
  void DecideCredit(const Backlog& backlog);

  const LoadControlOptions options_;
  LoadDecision decision_;
  int steps_ = 0;
  bool has_begun_ = false;
  uint64_t last_events_ = 0;
  int64_t last_update_ns_ = 0;
  double events_per_second_ = 0;
  // Events that may come now, for a rate of max_events_per_second; negative: they came already.
  double tokens_ = 0;
  int64_t last_step_ns_ = 0;
  // The last step raised the share again.
  bool was_raised_last_ = false;
  int64_t calm_since_ns_ = 0;
  int64_t patience_ns_;
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_LOAD_LOAD_CONTROL_H_
