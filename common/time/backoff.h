// Waits between attempts.

#ifndef COMMON_TIME_BACKOFF_H_
#define COMMON_TIME_BACKOFF_H_

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <random>

namespace audio_latency {

// Doubles from the first wait to the longest; each wait is drawn between half of that and all of
// it, so that many who fail at once do not come back at once. Not thread-safe.
class Backoff {
 public:
  Backoff(std::chrono::milliseconds first, std::chrono::milliseconds longest, uint32_t random_seed)
      : first_(first), longest_(longest), next_(first), random_(random_seed) {}

  std::chrono::milliseconds Next() {
    std::uniform_int_distribution<int64_t> wait(next_.count() / 2, next_.count());
    const std::chrono::milliseconds drawn(wait(random_));
    next_ = std::min(longest_, next_ * 2);
    return drawn;
  }

  // After a success.
  void Reset() { next_ = first_; }

 private:
  const std::chrono::milliseconds first_;
  const std::chrono::milliseconds longest_;
  std::chrono::milliseconds next_;
  std::minstd_rand random_;
};

}  // namespace audio_latency

#endif  // COMMON_TIME_BACKOFF_H_
