// The straight line through what the exchanges of the last seconds allow.

#ifndef CORRELATOR_CLOCK_LINEAR_CLOCK_MODEL_H_
#define CORRELATOR_CLOCK_LINEAR_CLOCK_MODEL_H_

#include <cstdint>
#include <deque>
#include <optional>

#include "correlator/clock/clock_model.h"

namespace audio_latency::correlator {

// No way takes less than no time, so that each exchange bounds the offset (correlator - probe):
// t3 - t4 <= offset at t4, offset at t1 <= t2 - t1. Over some seconds two clocks drift apart at a
// rate that hardly changes: of all lines offset + drift * time that no exchange contradicts, the
// estimate is the one with the most room on both sides, which the quick exchanges of both
// directions decide between them (S. Moon, P. Skelly, D. Towsley, "Estimation and removal of clock
// skew from network delay measurements", INFOCOM 1999). The bounds are those of all such lines:
// half their width is the error bound whatever the queues did; only a constant asymmetry of the
// ways can hide in it.
class LinearClockModel final : public ClockModel {
 public:
  static constexpr int64_t kWindowNs = 10'000'000'000;
  // Clocks are off by tens of ppm, the kernel's own discipline slews them by up to 500. A client
  // that slews faster (chrony, by the length of the tick) leaves exchanges that fit no line: then
  // the bounds are those of the newest exchanges alone, and hold at their times only.
  static constexpr double kMaxDrift = 1000e-6;
  // How fast the drift itself may change, for all that temperature does: an exchange is loosened by
  // this times its age.
  static constexpr double kWander = 0.5e-6;
  // What a time is off by, away from the exchange that tells the clock.
  static constexpr double kDriftAllowance = 100e-6;
  static constexpr size_t kLeastExchanges = 5;

  void Add(const ClockExchange& exchange) override;
  std::optional<OffsetEstimate> Estimate() const override;

 private:
  struct Bounds {
    int64_t lower_at_ns = 0;  // node's clock
    int64_t lower_ns = 0;
    int64_t upper_at_ns = 0;  // node's clock
    int64_t upper_ns = 0;

    // t3, when the correlator answered.
    int64_t SentNs() const { return lower_at_ns + lower_ns; }
  };

  // Nothing when no line fits all of the window.
  std::optional<OffsetEstimate> Fit() const;

  std::deque<Bounds> window_;  // by SentNs()
  std::optional<OffsetEstimate> estimate_;
  size_t exchanges_ = 0;
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_CLOCK_LINEAR_CLOCK_MODEL_H_
