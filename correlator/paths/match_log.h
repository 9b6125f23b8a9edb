// The newest matches, for those who look one up or listen.

#ifndef CORRELATOR_PATHS_MATCH_LOG_H_
#define CORRELATOR_PATHS_MATCH_LOG_H_

#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <mutex>
#include <vector>

#include "common/time/clock.h"
#include "correlator/load/table_use.h"
#include "correlator/matching/match.h"
#include "correlator/paths/path_reader.h"

namespace audio_latency::correlator {

// Matches travel in blocks that nobody changes any more.
using MatchBlock = std::shared_ptr<const std::vector<Match>>;

// Thread-safe. Writing never waits for a reader's work: readers take the blocks and look through
// them on their own time.
class MatchLog {
 public:
  static constexpr size_t kMaxMatches = 32768;
  // Flow numbers in a match are good for kFlowQuarantineNs; readers need some time, too.
  static constexpr int64_t kMaxAgeNs = kFlowQuarantineNs - 10'000'000'000;
  static constexpr size_t kMaxFound = 64;

  // `monotonic_clock` must outlive the log.
  explicit MatchLog(const Clock* monotonic_clock);
  ~MatchLog();

  void Append(const MatchBlock& block);
  // Newest first, up to kMaxFound.
  std::vector<Match> Find(uint64_t signature) const;
  std::unique_ptr<MatchSubscription> Subscribe();
  // As the table "match_log"; forgotten are those that were not too old yet.
  TableUse Use() const;

 private:
  class Subscription;
  class Subscribers;
  struct Entry {
    int64_t time_ns = 0;
    MatchBlock block;
  };

  const Clock& monotonic_clock_;
  const std::shared_ptr<Subscribers> subscribers_;
  // Guards what follows.
  mutable std::mutex mutex_;
  std::deque<Entry> entries_;
  size_t matches_ = 0;
  uint64_t no_room_ = 0;
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_PATHS_MATCH_LOG_H_
