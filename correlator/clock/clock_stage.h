// The clock stage: every node's events, on the correlator's clock.

#ifndef CORRELATOR_CLOCK_CLOCK_STAGE_H_
#define CORRELATOR_CLOCK_CLOCK_STAGE_H_

#include <functional>
#include <memory>

#include "common/time/clock.h"
#include "correlator/clock/clock_error_board.h"
#include "correlator/clock/clock_model.h"
#include "correlator/clock/observation_sink.h"
#include "correlator/ingest/node_event.h"
#include "correlator/load/table_use.h"

namespace audio_latency::correlator {

// Events of a node whose clock is not good (still synchronising, or stale) wait for the next
// exchange, up to kMaxHeldEvents, and are dropped and counted beyond. Events older than the
// matching window are dropped and counted, as are those with a time that no clock error explains.
// The published error bound is the largest of the events of the last kBoundMemoryNs: paths are told
// of a piece of audio only that much later.
class ClockStage : public NodeEventSink {
 public:
  static constexpr size_t kMaxHeldEvents = 65536;
  // No shorter than the longest hold of a decision, and some queueing.
  static constexpr int64_t kBoundMemoryNs = 12'000'000'000;

  // Beyond this a time is no time of the node's clock.
  static constexpr int64_t kMaxBehindNs = 3'600'000'000'000;

  // `monotonic_clock`, `sink` and `errors` must outlive the stage; `make_model` gives each node its
  // model. `window_ns`: what is older matching would drop; up to kMaxBehindNs.
  static std::unique_ptr<ClockStage> Create(const Clock& monotonic_clock, ObservationSink& sink,
                                            ClockErrorBoard& errors,
                                            std::function<std::unique_ptr<ClockModel>()> make_model,
                                            int64_t window_ns = kMaxBehindNs);

  // As the table "clock_held_events": those of the node that has most of them waiting, and what was
  // dropped of all nodes for want of room. Thread-safe.
  virtual TableUse HeldEvents() const = 0;
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_CLOCK_CLOCK_STAGE_H_
