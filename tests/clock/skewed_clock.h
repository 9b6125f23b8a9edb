// A node's clock as tests want it: wrong by a known amount.

#ifndef TESTS_CLOCK_SKEWED_CLOCK_H_
#define TESTS_CLOCK_SKEWED_CLOCK_H_

#include <cmath>
#include <cstdint>
#include <mutex>
#include <vector>

#include "common/time/clock.h"

namespace audio_latency::testing {

// This machine's monotonic clock, shifted and running at another rate, which may change.
// Thread-safe.
class SkewedClock final : public Clock {
 public:
  // From now on the clock gains `drift` nanoseconds each nanosecond.
  SkewedClock(int64_t offset_ns, double drift) {
    const int64_t now_ns = true_clock_.NowNs();
    spans_ = {{.began_ns = now_ns, .shown_ns = now_ns + offset_ns, .drift = drift}};
  }

  int64_t NowNs() const override { return At(true_clock_.NowNs()); }
  // What it shows at a true time.
  int64_t At(int64_t true_ns) const {
    const std::lock_guard lock(mutex_);
    size_t i = spans_.size() - 1;
    while (i > 0 && true_ns < spans_[i].began_ns) {
      --i;
    }
    return spans_[i].At(true_ns);
  }
  // As adjtime(3) or an NTP client slews it.
  void SetDrift(double drift) {
    const std::lock_guard lock(mutex_);
    const int64_t now_ns = true_clock_.NowNs();
    spans_.push_back({.began_ns = now_ns, .shown_ns = spans_.back().At(now_ns), .drift = drift});
  }

 private:
  struct Span {
    int64_t began_ns = 0;
    int64_t shown_ns = 0;
    double drift = 0;

    int64_t At(int64_t true_ns) const {
      const int64_t since_ns = true_ns - began_ns;
      return shown_ns + since_ns + std::llround(drift * static_cast<double>(since_ns));
    }
  };

  const MonotonicClock true_clock_;
  mutable std::mutex mutex_;
  std::vector<Span> spans_;
};

}  // namespace audio_latency::testing

#endif  // TESTS_CLOCK_SKEWED_CLOCK_H_
