// Where the matching stage puts its matches: the paths stage, or a test.

#ifndef CORRELATOR_MATCHING_MATCH_SINK_H_
#define CORRELATOR_MATCHING_MATCH_SINK_H_

#include <vector>

#include "correlator/matching/match.h"

namespace audio_latency::correlator {

// Thread-safe.
class MatchSink {
 public:
  virtual ~MatchSink() = default;
  // Takes all or counts what it could not take; never waits.
  virtual void Take(std::vector<Match> matches) = 0;
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_MATCHING_MATCH_SINK_H_
