// How long to wait before the next attempt.

#ifndef CORRELATOR_KUBERNETES_BACKOFF_H_
#define CORRELATOR_KUBERNETES_BACKOFF_H_

#include <algorithm>
#include <chrono>
#include <random>

namespace audio_latency::correlator {

// Doubles with each failure up to a limit, and draws from the upper half of that, so that many who
// fail at once do not come back at once. Not thread-safe.
class Backoff {
 public:
  Backoff(std::chrono::milliseconds first, std::chrono::milliseconds most)
      : first_(first), most_(most), next_(first), random_(std::random_device()()) {}

  std::chrono::milliseconds Next() {
    const std::chrono::milliseconds longest = next_;
    next_ = std::min(most_, next_ * 2);
    return std::chrono::milliseconds(
        std::uniform_int_distribution<int64_t>(longest.count() / 2, longest.count())(random_));
  }
  void Reset() { next_ = first_; }

 private:
  const std::chrono::milliseconds first_;
  const std::chrono::milliseconds most_;
  std::chrono::milliseconds next_;
  std::minstd_rand random_;
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_KUBERNETES_BACKOFF_H_
