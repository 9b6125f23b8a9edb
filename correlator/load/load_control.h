// How much of the audio the probes are to tell: less when the correlator cannot take it all.

#ifndef CORRELATOR_LOAD_LOAD_CONTROL_H_
#define CORRELATOR_LOAD_LOAD_CONTROL_H_

#include <cstdint>

#include "common/loss/sampling_share.h"
#include "correlator/load/backlog.h"

namespace audio_latency::correlator {

struct LoadControlOptions {
  // Events that all probes together may make a second; 0: as many as the stages can take.
  uint32_t max_events_per_second = 0;
  // The stages are overloaded from either of these on, and at ease below either of the others.
  int64_t overloaded_wait_ns = 500'000'000;
  double overloaded_used_share = 0.5;
  int64_t calm_wait_ns = 100'000'000;
  double calm_used_share = 0.1;
  // So many looks in a row must say the same before anything follows from it: one that falls into a
  // pause of the scheduler says nothing.
  int looks_in_a_row = 3;
  // A change takes this long to show: probes hear of it, and what they had made is worked off.
  int64_t step_spacing_ns = 1'000'000'000;
  // So long at ease before more is asked for; doubled, up to the longest, each time that the
  // correlator could not bear it.
  int64_t patience_ns = 5'000'000'000;
  int64_t longest_patience_ns = 80'000'000'000;
  // The share never falls below 2^-most_steps.
  int most_steps = 10;
  // A probe may have at most so many batches on the way.
  uint32_t most_credit_batches = 32;
};

// What there is to judge by. Counts are since the start.
struct LoadView {
  Backlog backlog;
  uint64_t taken_events = 0;
  uint64_t taken_batches = 0;
  // By the probes that are connected, as they tell; of these, what they have not sent yet.
  uint64_t made_events = 0;
  uint64_t pending_events = 0;
  uint32_t probes = 0;
};

// What the probes are told.
struct LoadDecision {
  uint32_t sampling_threshold = kSamplingAll;
  // Each may have so many batches on the way; 0: none may send.
  uint32_t credit_batches = 32;

  bool gives_credit() const { return credit_batches > 0; }
  friend bool operator==(const LoadDecision&, const LoadDecision&) = default;
};

// The decisions, on a clock that is passed in. The share of the signatures that all probes keep is
// halved while the stages or ingest fall behind, or more is made than the limit allows, and doubled
// when all have been at ease for a while. Credit follows the room in the queues, and is withheld
// only when the stages are far behind, so that the probes' buffers fill, not the queues here. What
// was withheld, or resent after a break, and then comes at once is no reason to ask for less.
// Not thread-safe.
class LoadControl {
 public:
  explicit LoadControl(const LoadControlOptions& options);

  // Call it about ten times a second, on a monotonic clock.
  const LoadDecision& Update(const LoadView& view, int64_t now_ns);

  const LoadDecision& decision() const { return decision_; }
  // Lately, a second.
  double taken_per_second() const { return taken_per_second_; }
  double made_per_second() const { return made_per_second_; }

 private:
  // How often in a row something was so.
  class Run {
   public:
    // Whether it has been so `looks` times now.
    bool Add(bool is_so, int looks) {
      count_ = is_so ? count_ + 1 : 0;
      return count_ >= looks;
    }
    void Reset() { count_ = 0; }

   private:
    int count_ = 0;
  };

  void CountEvents(const LoadView& view, int64_t now_ns);
  // Whether over some seconds less was taken than made, though the probes might send.
  bool IsIngestBehind(const LoadView& view, int64_t now_ns);
  bool IsOverloaded(const LoadView& view) const;
  bool IsCalm(const LoadView& view) const;
  void Step(int by, int64_t now_ns);
  void DecideCredit(const LoadView& view);
  uint32_t CreditFor(const LoadView& view) const;

  const LoadControlOptions options_;
  LoadDecision decision_;
  int steps_ = 0;
  bool has_begun_ = false;
  LoadView last_;
  int64_t last_update_ns_ = 0;
  double taken_per_second_ = 0;
  double made_per_second_ = 0;
  // Events that may come now, for a rate of max_events_per_second; negative: they came already.
  double tokens_ = 0;
  // Where the seconds begin over which ingest is judged.
  uint64_t judged_taken_ = 0;
  uint64_t judged_made_ = 0;
  int64_t judged_since_ns_ = 0;
  Run overloaded_;
  Run not_calm_;
  int64_t last_step_ns_ = 0;
  // The last step raised the share again.
  bool was_raised_last_ = false;
  int64_t calm_since_ns_ = 0;
  int64_t patience_ns_;
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_LOAD_LOAD_CONTROL_H_
