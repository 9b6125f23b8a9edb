// Meets observations of one signature again and tells what is one piece of audio.

#ifndef CORRELATOR_MATCHING_MATCHER_H_
#define CORRELATOR_MATCHING_MATCHER_H_

#include <array>
#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "correlator/clock/observation.h"
#include "correlator/flows/flow_registry.h"
#include "correlator/matching/endpoint_homes.h"
#include "correlator/matching/link_memory.h"
#include "correlator/matching/match.h"
#include "correlator/matching/matching_reader.h"
#include "correlator/matching/observation_log.h"
#include "correlator/matching/passages.h"
#include "correlator/matching/piece_decision.h"

namespace audio_latency::correlator {

struct MatcherOptions {
  DecisionOptions decision;
  // How long a decision waits after an observation arrived, for what others report late.
  int64_t hold_ns = 600'000'000;
  // Observations kept, 1024 to 2^28, rounded up to a power of two; 30 bytes each.
  uint32_t table_events = 1u << 22;
  // A signature with more observations in the window is a collision without further look.
  uint32_t max_group = 512;
};

// One thread's matcher: an arrival-ordered log, and a cursor that trails the arrivals by the hold
// and decides each signature once for all of its observations. Not thread-safe. All times are on
// the correlator's CLOCK_MONOTONIC.
class Matcher {
 public:
  // `flows` must outlive the matcher.
  Matcher(const FlowRegistry& flows, const MatcherOptions& options);
  Matcher(const Matcher&) = delete;
  Matcher& operator=(const Matcher&) = delete;

  // `now_ns` must not go back.
  void Add(std::span<const Observation> observations, int64_t now_ns);
  // Decides what arrived up to `now_ns` - hold, and appends the matches.
  void Decide(int64_t now_ns, std::vector<Match>* matches);

  // Since the start. `locks` is as of the last Decide that found a second passed.
  const MatchingCounters& counters() const { return counters_; }

 private:
  // All entries before `end` arrived at `time_ns` or earlier.
  struct ArrivalMark {
    uint64_t end = 0;
    int64_t time_ns = 0;
  };
  // A signature that had too many observations, not looked at again for a while.
  struct Flood {
    uint64_t signature = 0;
    int64_t until_ns = 0;
  };

  // End of the entries that arrived at `time_ns` or earlier.
  uint64_t ArrivedBy(int64_t time_ns) const;
  void Prefetch(std::span<const uint64_t> sequences);
  void DecideAt(uint64_t sequence, int64_t now_ns, std::vector<Match>* matches);
  // All observations of the signature of the entry `from`. False when there are more than the
  // limit.
  bool Gather(uint64_t from, int64_t now_ns);
  void ConnectEarlierLinks();
  void Emit(uint64_t signature, std::vector<Match>* matches);
  // Appends the passage and all that continue it.
  void AppendTree(size_t passage, int16_t predecessor, Match* match);
  uint32_t FlagsAfter(const PiecePassage& passage) const;
  void WriteBack();
  // What arrived before this belongs to nothing that is decided at `now_ns`.
  int64_t OldestArrivalNs(int64_t now_ns) const;
  void Forget(int64_t now_ns);

  const FlowRegistry& flows_;
  const MatcherOptions options_;
  MatchingCounters counters_;
  ObservationLog log_;
  EndpointHomes homes_;
  LinkMemory memory_;
  PieceDecision decision_;

  std::deque<ArrivalMark> marks_;
  // Entries before this one are too old to belong to anything.
  uint64_t live_begin_ = 1;
  // Entries before this one are decided.
  uint64_t cursor_ = 1;
  // Entries from this one on arrived so lately that their passages wait for the next time.
  uint64_t settled_end_ = 1;
  int64_t locks_counted_ns_ = 0;
  std::array<Flood, 1024> floods_ = {};

  // Scratch.
  std::vector<Observation> accepted_;
  std::vector<PieceObservation> observations_;
  std::vector<PiecePassage> passages_;
  std::vector<size_t> tree_;
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_MATCHING_MATCHER_H_
