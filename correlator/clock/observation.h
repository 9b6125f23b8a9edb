// A signature event on the correlator's clock: what the clock stage hands to matching.

#ifndef CORRELATOR_CLOCK_OBSERVATION_H_
#define CORRELATOR_CLOCK_OBSERVATION_H_

#include <cstdint>

#include "correlator/flows/flow_registry.h"

namespace audio_latency::correlator {

struct Observation {
  uint64_t signature = 0;
  // Correlator's CLOCK_MONOTONIC.
  int64_t time_ns = 0;
  FlowId flow = 0;
  // TCP: sequence number of the first byte. RTP: sequence number.
  uint32_t position = 0;
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_CLOCK_OBSERVATION_H_
