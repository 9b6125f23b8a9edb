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

namespace audio_latency::correlator {

// Events of a node that is still synchronising wait, up to kMaxHeldEvents, and are dropped and
// counted beyond. Events with a time that no clock error explains are dropped and counted.
class ClockStage : public NodeEventSink {
 public:
  static constexpr size_t kMaxHeldEvents = 65536;

  // `monotonic_clock`, `sink` and `errors` must outlive the stage; `make_model` gives each node its
  // model.
  static std::unique_ptr<ClockStage> Create(
      const Clock& monotonic_clock, ObservationSink& sink, ClockErrorBoard& errors,
      std::function<std::unique_ptr<ClockModel>()> make_model);
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_CLOCK_CLOCK_STAGE_H_
