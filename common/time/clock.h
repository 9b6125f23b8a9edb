// Where the time comes from; passed in everywhere, so that tests can turn it by hand.

#ifndef COMMON_TIME_CLOCK_H_
#define COMMON_TIME_CLOCK_H_

#include <atomic>
#include <cstdint>
#include <string>

namespace audio_latency {

// A clock that can be read from any thread.
class Clock {
 public:
  virtual ~Clock() = default;

  // Nanoseconds since the clock's own epoch.
  virtual int64_t NowNs() const = 0;
};

// CLOCK_MONOTONIC: the clock that the kernel stamps packets with (bpf_ktime_get_ns).
class MonotonicClock final : public Clock {
 public:
  int64_t NowNs() const override;
};

// CLOCK_REALTIME: Unix time.
class RealtimeClock final : public Clock {
 public:
  int64_t NowNs() const override;
};

// Stands still until it is told to move.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(int64_t now_ns = 0) : now_ns_(now_ns) {}

  int64_t NowNs() const override { return now_ns_.load(std::memory_order_relaxed); }
  void Advance(int64_t by_ns) { now_ns_.fetch_add(by_ns, std::memory_order_relaxed); }
  void Set(int64_t now_ns) { now_ns_.store(now_ns, std::memory_order_relaxed); }

 private:
  std::atomic<int64_t> now_ns_;
};

// "2024-01-01T12:00:00.123456789Z" of a Unix time in nanoseconds.
std::string FormatRfc3339(int64_t unix_time_ns);

// "2024-01-01T12:00:00Z" of a Unix time in seconds; what is before 1970 or after 2255 is shown as
// that.
std::string FormatUnixSeconds(int64_t unix_time_s);

}  // namespace audio_latency

#endif  // COMMON_TIME_CLOCK_H_
