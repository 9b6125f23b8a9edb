// Paths as a stage: the aggregator with its queue and its thread, and what readers see of it.

#ifndef CORRELATOR_PATHS_PATH_STAGE_H_
#define CORRELATOR_PATHS_PATH_STAGE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "common/time/clock.h"
#include "correlator/clock/clock_error_board.h"
#include "correlator/flows/flow_registry.h"
#include "correlator/load/backlog.h"
#include "correlator/load/table_use.h"
#include "correlator/matching/match_sink.h"
#include "correlator/paths/path_reader.h"

namespace audio_latency::correlator {

struct PathStageOptions {
  // Of hops, and of paths.
  size_t max_series = 2000;
  // Matches that may wait; more are dropped and counted as match_queue_full.
  size_t max_queued = 1u << 18;
};

// The thread runs from Start to the destructor.
class PathStage : public MatchSink, public PathReader {
 public:
  // Readers see what is at most so old, with many series at most four times that.
  static constexpr int64_t kPublishNs = 250'000'000;

  // Thread-safe.
  virtual Backlog CurrentBacklog() const = 0;
  // "hops", "paths", "routes", "pending_paths" and "match_queue". Thread-safe.
  virtual std::vector<TableUse> Tables() const = 0;

  // All must outlive the stage.
  static std::unique_ptr<PathStage> Start(const FlowRegistry& flows,
                                          const ClockErrorBoard& clock_errors,
                                          const Clock& monotonic_clock, const Clock& realtime_clock,
                                          const PathStageOptions& options);
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_PATHS_PATH_STAGE_H_
