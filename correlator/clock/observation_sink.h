// Where the clock stage puts its observations: the matching stage, or a test.

#ifndef CORRELATOR_CLOCK_OBSERVATION_SINK_H_
#define CORRELATOR_CLOCK_OBSERVATION_SINK_H_

#include <span>

#include "correlator/clock/observation.h"

namespace audio_latency::correlator {

// Thread-safe.
class ObservationSink {
 public:
  virtual ~ObservationSink() = default;
  // Takes all or counts what it could not take; never waits.
  virtual void Take(std::span<const Observation> observations) = 0;
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_CLOCK_OBSERVATION_SINK_H_
