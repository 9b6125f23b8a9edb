// What readers may ask of the matching stage: counters, since the start.

#ifndef CORRELATOR_MATCHING_MATCHING_READER_H_
#define CORRELATOR_MATCHING_MATCHING_READER_H_

#include <cstdint>

namespace audio_latency::correlator {

struct MatchingCounters {
  uint64_t observations = 0;
  // Pieces of audio seen at two or more points.
  uint64_t matches = 0;
  uint64_t unique_links = 0;
  uint64_t lock_links = 0;
  // Links that could not be told apart, so not reported.
  uint64_t collisions = 0;
  // Unique links of flow pairs that have not yet given enough of them to be believed.
  uint64_t unconfirmed = 0;
  // Observations overwritten before they were decided.
  uint64_t overwritten = 0;
  // Observations that came later than the wait for stragglers allows, and are taken all the same.
  uint64_t late = 0;
  // Observations that came, or whose turn came, when they were older than the window: dropped.
  uint64_t too_late = 0;
  // Observations of a time that is still to come: dropped.
  uint64_t out_of_range = 0;
  // What became of the others when they were decided: part of something that is told; seen at one
  // point only, or not told for want of proof; of a signature that too many have. An observation is
  // in one of these, or dropped and counted, or waits. (`overwritten` counts a few beside that were
  // only harder to find.)
  uint64_t matched_observations = 0;
  uint64_t unmatched_observations = 0;
  uint64_t flooded_observations = 0;
  // Passages across nodes where neither directions nor known homes told the ends, only the order of
  // times. Of capture files; probes tell directions.
  uint64_t placed_by_time = 0;
  uint64_t queue_full = 0;
  uint64_t live_observations = 0;
  // That the tables and the queues have room for.
  uint64_t most_observations = 0;
  uint64_t queued = 0;
  uint64_t most_queued = 0;
  uint64_t locks = 0;
};

// Thread-safe.
class MatchingReader {
 public:
  virtual ~MatchingReader() = default;
  virtual MatchingCounters Counters() const = 0;
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_MATCHING_MATCHING_READER_H_
