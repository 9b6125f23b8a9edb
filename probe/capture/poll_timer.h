// How long to wait before the ring is looked into again.

#ifndef PROBE_CAPTURE_POLL_TIMER_H_
#define PROBE_CAPTURE_POLL_TIMER_H_

#include <algorithm>
#include <chrono>
#include <cstddef>

namespace audio_latency::probe {

// 1 ms while much comes; longer, up to 20 ms, while little or nothing does: the kernel does not
// wake us (that costs 50 times what an event does), so a probe with little to do should rarely wake
// itself.
class PollTimer {
 public:
  static constexpr std::chrono::microseconds kShortest{1'000};
  static constexpr std::chrono::microseconds kLongest{20'000};

  // `ring_events`: how many events the ring has room for.
  explicit PollTimer(size_t ring_events)
      : much_(std::clamp<size_t>(ring_events / 32, 4, 1024)), little_(much_ / 4) {}

  // The wait after a look that found `events`.
  std::chrono::microseconds Next(size_t events) {
    if (events >= much_) {
      wait_ = kShortest;
    } else if (events < little_) {
      wait_ = std::min(kLongest, wait_ * 2);
    }
    return wait_;
  }

 private:
  // Events in one look that call for the shortest wait, and for a longer one.
  const size_t much_;
  const size_t little_;
  std::chrono::microseconds wait_ = kShortest;
};

}  // namespace audio_latency::probe

#endif  // PROBE_CAPTURE_POLL_TIMER_H_
