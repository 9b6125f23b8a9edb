// What readers of paths see of a replay.

#ifndef CORRELATOR_REPLAY_REPLAY_PATHS_H_
#define CORRELATOR_REPLAY_REPLAY_PATHS_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/time/clock.h"
#include "correlator/paths/match_log.h"
#include "correlator/paths/path_aggregator.h"
#include "correlator/paths/path_reader.h"

namespace audio_latency::correlator {

// Takes its snapshots when it is asked. Not thread-safe.
class ReplayPaths final : public PathReader {
 public:
  // All must outlive the reader.
  ReplayPaths(const PathAggregator* aggregator, MatchLog* log, const Clock* clock)
      : aggregator_(*aggregator), log_(*log), clock_(*clock) {}

  std::vector<PathSnapshot> Paths(uint32_t window_seconds) const override;
  std::vector<HopSnapshot> Hops(uint32_t window_seconds) const override;
  std::vector<Match> Find(uint64_t signature) const override { return log_.Find(signature); }
  std::optional<Match> Newest(std::string_view path) const override;
  std::unique_ptr<MatchSubscription> Subscribe() override { return log_.Subscribe(); }
  std::vector<std::pair<std::string, double>> Drops() const override;

 private:
  std::shared_ptr<const PathState> State() const { return aggregator_.State(clock_.NowNs(), 0); }

  const PathAggregator& aggregator_;
  MatchLog& log_;
  const Clock& clock_;
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_REPLAY_REPLAY_PATHS_H_
