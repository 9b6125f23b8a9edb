// One piece of audio, met again: what matching hands to paths.

#ifndef CORRELATOR_MATCHING_MATCH_H_
#define CORRELATOR_MATCHING_MATCH_H_

#include <cstdint>
#include <vector>

#include "correlator/flows/flow_registry.h"

namespace audio_latency::correlator {

// How it is known that a passage continues another.
enum class Decision : uint8_t {
  kNone,    // nothing precedes it
  kUnique,  // the only candidate on each side
  kLock,    // ambiguous alone, decided by the flow pair's earlier unique matches
};

struct MatchPoint {
  FlowId flow = 0;
  int64_t time_ns = 0;  // correlator's CLOCK_MONOTONIC
};

// The way of one piece of audio through one conversation: where it left the source endpoint and
// where it reached the destination (equal points when only one of the two sides was seen).
struct Passage {
  ConversationId conversation = 0;
  uint32_t position = 0;
  MatchPoint first;
  MatchPoint last;
  // Whether `first` is on the source's side and `last` on the destination's. What happened inside
  // an endpoint is known only when the passage into it was seen at its destination and the passage
  // out of it at its source.
  bool source_seen = false;
  bool destination_seen = false;
  // Index in Match::passages of the passage that this one continues; -1: none.
  int16_t predecessor = -1;
  Decision decision = Decision::kNone;
  // Told in an earlier Match; here only because a later passage continues it.
  bool transit_reported = false;
  bool link_reported = false;
};

// All that is known about one signature's piece of audio at the time of decision. Predecessors come
// before the passages that continue them.
struct Match {
  uint64_t signature = 0;
  std::vector<Passage> passages;
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_MATCHING_MATCH_H_
