// From matches to the delays of hops and paths.

#ifndef CORRELATOR_PATHS_PATH_AGGREGATOR_H_
#define CORRELATOR_PATHS_PATH_AGGREGATOR_H_

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "correlator/clock/clock_error_board.h"
#include "correlator/flows/flow_registry.h"
#include "correlator/load/table_use.h"
#include "correlator/paths/conversation_memory.h"
#include "correlator/paths/match_log.h"
#include "correlator/paths/series_table.h"
#include "correlator/paths/snapshot.h"

namespace audio_latency::correlator {

// All that readers may ask, as it was at one time; nobody changes it any more.
struct PathState {
  // Windows of 0 (since the start), 10, 20 … 60 seconds.
  static constexpr size_t kWindows = DelaySeries::kLongestWindowSeconds / 10 + 1;
  static size_t WindowIndex(uint32_t window_seconds);
  static constexpr std::array<bool, kWindows> kAllWindows = [] {
    std::array<bool, kWindows> all = {};
    all.fill(true);
    return all;
  }();

  // Which windows it holds; the others are empty.
  std::array<bool, kWindows> windows = {};
  std::array<std::vector<PathSnapshot>, kWindows> paths;
  std::array<std::vector<HopSnapshot>, kWindows> hops;
  // The newest match of each path; good for MatchLog::kMaxAgeNs.
  struct Newest {
    int64_t time_ns = 0;
    MatchBlock block;
    size_t match = 0;
  };
  absl::flat_hash_map<std::string, Newest> newest;
  std::vector<std::pair<std::string, double>> drops;
  std::vector<TableUse> tables;
};

// One thread's. A path is told only when it is whole: a piece of audio that ends (or begins) at a
// conversation that is known to go on (or to come from elsewhere) lost its other part on the way,
// and is counted as incomplete (also when that part comes so late that matching tells of it in a
// second match, which then counts as the path). While a conversation is so young that its other
// part may just not be known yet, its paths wait.
class PathAggregator {
 public:
  // A conversation younger than this may have unknown neighbours.
  static constexpr int64_t kYoungNs = 1'000'000'000;
  // A conversation younger than this is judged by what its workloads' other conversations did.
  static constexpr int64_t kUnprovenNs = 10'000'000'000;
  static constexpr size_t kMaxPending = 65536;
  static constexpr size_t kMaxRoutes = 65536;

  // Both must outlive the aggregator. `max_series` bounds hops, and paths.
  PathAggregator(const FlowRegistry* flows, const ClockErrorBoard* clock_errors, size_t max_series);

  // `now_ns` (monotonic) must not go back.
  void Take(const MatchBlock& block, int64_t now_ns);
  // Tells the paths that waited long enough.
  void Tick(int64_t now_ns);
  // With the windows that `windows` says: each takes its time.
  std::shared_ptr<const PathState> State(
      int64_t now_ns, int64_t unix_minus_monotonic_ns,
      const std::array<bool, PathState::kWindows>& windows = PathState::kAllWindows) const;

  size_t series_count() const { return series_.size(); }

 private:
  using Route = absl::InlinedVector<ConversationId, 4>;

  // A whole way of a piece of audio, first to last observation point.
  struct Candidate {
    Route route;
    std::vector<PathStep> steps;
    DelaySample sample;
    int64_t end_ns = 0;
    int64_t release_ns = 0;
    MatchBlock block;
    size_t match = 0;
  };
  // What a route was found to be.
  struct KnownRoute {
    // Where it begins, and where each of its conversations ends. They may be renamed.
    std::vector<EndpointId> ends;
    std::vector<std::string> names;
    std::string path;
    PathSeries* series = nullptr;
    uint64_t generation = 0;
    int64_t last_used_ns = 0;
  };

  DelaySample Delay(const MatchPoint& from, const MatchPoint& to) const;
  void TakeMatch(const MatchBlock& block, size_t match, int64_t now_ns);
  void TakePath(const MatchBlock& block, size_t match, size_t leaf, int64_t now_ns);
  bool IsComplete(const Candidate& candidate) const;
  void Tell(const Candidate& candidate, int64_t now_ns);
  KnownRoute& Find(const Candidate& candidate, int64_t now_ns);

  const FlowRegistry& flows_;
  const ClockErrorBoard& clock_errors_;
  ConversationMemory conversations_;
  SeriesTable series_;
  absl::flat_hash_map<Route, KnownRoute> routes_;
  std::deque<Candidate> pending_;
  int64_t last_cleaning_ns_ = 0;
  uint64_t incomplete_ = 0;
  uint64_t pending_full_ = 0;
  uint64_t routes_forgotten_ = 0;

  // Scratch.
  Candidate candidate_;
  std::vector<size_t> way_;
  std::vector<EndpointId> ends_;
  std::vector<uint8_t> has_successor_;
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_PATHS_PATH_AGGREGATOR_H_
