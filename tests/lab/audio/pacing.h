// Doing things at exact times.

#ifndef TESTS_LAB_AUDIO_PACING_H_
#define TESTS_LAB_AUDIO_PACING_H_

#include <cstdint>

namespace audio_latency::lab {

// CLOCK_MONOTONIC.
int64_t MonotonicNowNs();

// Returns at that time, or at once when it has passed; late by microseconds, not by the
// scheduler's mood: the last stretch is waited for awake.
void SleepUntilNs(int64_t time_ns);

// Lets the calling thread go before all ordinary ones (SCHED_FIFO) where that is allowed.
void RunAtRealTimePriority();

}  // namespace audio_latency::lab

#endif  // TESTS_LAB_AUDIO_PACING_H_
