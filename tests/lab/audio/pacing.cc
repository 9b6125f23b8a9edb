#include "tests/lab/audio/pacing.h"

#include <sched.h>
#include <sys/prctl.h>
#include <time.h>

namespace audio_latency::lab {
namespace {

constexpr int64_t kNsPerSecond = 1'000'000'000;
// How long before the time the kernel is to wake us: longer than it usually takes to.
constexpr int64_t kAwakeNs = 120'000;

}  // namespace

int64_t MonotonicNowNs() {
  timespec now = {};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * kNsPerSecond + now.tv_nsec;
}

void SleepUntilNs(int64_t time_ns) {
  const int64_t wake_ns = time_ns - kAwakeNs;
  const timespec wake = {.tv_sec = wake_ns / kNsPerSecond, .tv_nsec = wake_ns % kNsPerSecond};
  while (MonotonicNowNs() < wake_ns) {
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &wake, nullptr);
  }
  while (MonotonicNowNs() < time_ns) {
  }
}

void RunAtRealTimePriority() {
  const sched_param priority = {.sched_priority = 10};
  if (sched_setscheduler(0, SCHED_FIFO, &priority) != 0) {
    // Ordinary threads are woken up to 50 µs late on purpose; ask for less.
    prctl(PR_SET_TIMERSLACK, 1UL);
  }
}

}  // namespace audio_latency::lab
