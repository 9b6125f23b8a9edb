// Matching as a stage: a matcher per core, each with its own range of signatures, queue and thread.

#ifndef CORRELATOR_MATCHING_MATCHING_STAGE_H_
#define CORRELATOR_MATCHING_MATCHING_STAGE_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "common/time/clock.h"
#include "correlator/clock/observation_sink.h"
#include "correlator/flows/flow_registry.h"
#include "correlator/load/backlog.h"
#include "correlator/load/table_use.h"
#include "correlator/matching/match_sink.h"
#include "correlator/matching/matcher.h"
#include "correlator/matching/matching_reader.h"

namespace audio_latency::correlator {

struct MatchingStageOptions {
  // `table_events` is shared by all matchers.
  MatcherOptions matcher;
  // At least 1.
  uint32_t threads = 1;
  // Observations that may wait for one matcher; more are dropped and counted as queue_full.
  uint32_t max_queued = 1u << 20;
};

// Threads run from Start to the destructor, which decides nothing more.
class MatchingStage : public ObservationSink, public MatchingReader {
 public:
  // Of the matcher that is worst off. Thread-safe.
  virtual Backlog CurrentBacklog() const = 0;
  // "observations" and "matching_queue". Thread-safe.
  virtual std::vector<TableUse> Tables() const = 0;

  // All must outlive the stage.
  static std::unique_ptr<MatchingStage> Start(const FlowRegistry& flows,
                                              const Clock& monotonic_clock, MatchSink& sink,
                                              const MatchingStageOptions& options);
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_MATCHING_MATCHING_STAGE_H_
