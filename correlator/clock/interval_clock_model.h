// The interval that no exchange of the last seconds contradicts.

#ifndef CORRELATOR_CLOCK_INTERVAL_CLOCK_MODEL_H_
#define CORRELATOR_CLOCK_INTERVAL_CLOCK_MODEL_H_

#include <cstdint>
#include <deque>
#include <optional>

#include "correlator/clock/clock_model.h"

namespace audio_latency::correlator {

// No way takes less than no time, so that each exchange bounds the offset (correlator - probe):
// t3 - t4 <= offset <= t2 - t1. All bounds of the window hold at once; the exchange with the
// shortest round trip gives the tightest. An older one is loosened by what two undisciplined clocks
// may have drifted apart since: each may be off by tens of ppm, and be slewed by its NTP client.
// The middle is the estimate: half the width is its error bound, whatever the queues did; only a
// constant asymmetry of the ways can hide in it.
class IntervalClockModel final : public ClockModel {
 public:
  static constexpr int64_t kWindowNs = 10'000'000'000;
  static constexpr double kDriftAllowance = 100e-6;
  static constexpr size_t kLeastExchanges = 5;

  void Add(const ClockExchange& exchange) override;
  std::optional<OffsetEstimate> Estimate() const override;

 private:
  struct Bounds {
    int64_t node_time_ns = 0;
    int64_t lower_ns = 0;
    int64_t upper_ns = 0;
  };

  OffsetEstimate Intersect() const;

  std::deque<Bounds> window_;
  size_t exchanges_ = 0;
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_CLOCK_INTERVAL_CLOCK_MODEL_H_
