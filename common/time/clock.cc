#include "common/time/clock.h"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>

namespace audio_latency {
namespace {

constexpr int64_t kNsPerSecond = 1'000'000'000;

int64_t ReadNs(clockid_t clock) {
  timespec now = {};
  clock_gettime(clock, &now);
  return now.tv_sec * kNsPerSecond + now.tv_nsec;
}

}  // namespace

int64_t MonotonicClock::NowNs() const { return ReadNs(CLOCK_MONOTONIC); }

int64_t RealtimeClock::NowNs() const { return ReadNs(CLOCK_REALTIME); }

std::string FormatRfc3339(int64_t unix_time_ns) {
  int64_t seconds = unix_time_ns / kNsPerSecond;
  int64_t nanoseconds = unix_time_ns % kNsPerSecond;
  if (nanoseconds < 0) {  // before 1970: the fraction still counts upwards
    nanoseconds += kNsPerSecond;
    --seconds;
  }
  const std::time_t whole_seconds = seconds;
  std::tm utc = {};
  gmtime_r(&whole_seconds, &utc);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:09}Z", utc.tm_year + 1900,
                     utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, nanoseconds);
}

std::string FormatUnixSeconds(int64_t unix_time_s) {
  constexpr size_t kToSeconds = 19;                // "2024-01-01T12:00:00"
  constexpr int64_t kLatestUnixS = 9'000'000'000;  // later ones overflow nanoseconds
  return FormatRfc3339(std::clamp<int64_t>(unix_time_s, 0, kLatestUnixS) * kNsPerSecond)
             .substr(0, kToSeconds) +
         "Z";
}

}  // namespace audio_latency
