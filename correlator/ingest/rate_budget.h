// How much may still come.

#ifndef CORRELATOR_INGEST_RATE_BUDGET_H_
#define CORRELATOR_INGEST_RATE_BUDGET_H_

#include <algorithm>
#include <cstdint>

namespace audio_latency::correlator {

// A token bucket: it fills by `per_second` up to kBurstSeconds of that. Not thread-safe.
class RateBudget {
 public:
  // A probe sends at once what it kept during a break.
  static constexpr double kBurstSeconds = 4;

  explicit RateBudget(double per_second)
      : per_second_(per_second), left_(per_second * kBurstSeconds) {}

  // Takes `amount` if it is there; else nothing. Times are of one monotonic clock.
  bool Take(double amount, int64_t now_ns) {
    Fill(now_ns);
    if (left_ < amount) {
      return false;
    }
    left_ -= amount;
    return true;
  }

  // Takes `amount` whether it is there or not, and tells for how long to take no more.
  int64_t TakeAndWaitNs(double amount, int64_t now_ns) {
    Fill(now_ns);
    left_ -= amount;
    return left_ >= 0 ? 0 : static_cast<int64_t>(-left_ / per_second_ * kNsPerSecond);
  }

 private:
  static constexpr double kNsPerSecond = 1e9;

  void Fill(int64_t now_ns) {
    // Who read the clock first may come second.
    if (now_ns <= filled_ns_) {
      return;
    }
    const double passed_s = static_cast<double>(now_ns - filled_ns_) / kNsPerSecond;
    left_ = std::min(per_second_ * kBurstSeconds, left_ + passed_s * per_second_);
    filled_ns_ = now_ns;
  }

  const double per_second_;
  double left_;
  int64_t filled_ns_ = 0;
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_INGEST_RATE_BUDGET_H_
