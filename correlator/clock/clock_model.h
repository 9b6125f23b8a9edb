// Estimates a node's clock from exchanges of timestamps.

#ifndef CORRELATOR_CLOCK_CLOCK_MODEL_H_
#define CORRELATOR_CLOCK_CLOCK_MODEL_H_

#include <cstdint>
#include <optional>

#include "correlator/ingest/node_event.h"

namespace audio_latency::correlator {

// At node time t the offset is within [lower, upper] at `node_time_ns`, best guessed as
// `offset_ns`, and moves by `drift` nanoseconds each nanosecond.
struct OffsetEstimate {
  int64_t node_time_ns = 0;
  int64_t offset_ns = 0;
  int64_t lower_ns = 0;
  int64_t upper_ns = 0;
  double drift = 0;
};

// Not thread-safe. One model a node.
class ClockModel {
 public:
  virtual ~ClockModel() = default;

  // `exchange` has been checked to be sane.
  virtual void Add(const ClockExchange& exchange) = 0;
  // As of the newest exchange; nothing before there are enough of them.
  virtual std::optional<OffsetEstimate> Estimate() const = 0;
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_CLOCK_CLOCK_MODEL_H_
