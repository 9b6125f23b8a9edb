// What may be asked for: the correlator refuses the rest, and the command line says so before.

#ifndef CORRELATOR_QUERY_QUERY_LIMITS_H_
#define CORRELATOR_QUERY_QUERY_LIMITS_H_

#include <cstdint>

namespace audio_latency::correlator {

// Seconds that an answer is of; 0, all since the start, is allowed too.
inline constexpr uint32_t kLeastWindowSeconds = 10;
inline constexpr uint32_t kMostWindowSeconds = 60;

constexpr bool IsWindow(uint32_t seconds) {
  return seconds == 0 || (seconds >= kLeastWindowSeconds && seconds <= kMostWindowSeconds);
}

// Between two answers of a watch.
inline constexpr uint32_t kDefaultIntervalMs = 1000;
inline constexpr uint32_t kLeastIntervalMs = 100;
inline constexpr uint32_t kMostIntervalMs = 60'000;

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_QUERY_QUERY_LIMITS_H_
