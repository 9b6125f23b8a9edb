#include "common/time/clock.h"

#include <catch2/catch.hpp>
#include <ctime>

namespace audio_latency {
namespace {

TEST_CASE("times are written as RFC 3339 with nanoseconds") {
  CHECK(FormatRfc3339(1704110400123456789) == "2024-01-01T12:00:00.123456789Z");
  CHECK(FormatRfc3339(0) == "1970-01-01T00:00:00.000000000Z");
  CHECK(FormatRfc3339(1) == "1970-01-01T00:00:00.000000001Z");
  CHECK(FormatRfc3339(-1) == "1969-12-31T23:59:59.999999999Z");
  CHECK(FormatRfc3339(1709164800000000000) == "2024-02-29T00:00:00.000000000Z");
}

TEST_CASE("the monotonic clock is the kernel's and does not go back") {
  const MonotonicClock clock;
  timespec before = {};
  clock_gettime(CLOCK_MONOTONIC, &before);
  const int64_t now_ns = clock.NowNs();
  CHECK(now_ns >= before.tv_sec * 1'000'000'000 + before.tv_nsec);
  CHECK(clock.NowNs() >= now_ns);
}

TEST_CASE("the realtime clock is Unix time") {
  CHECK(RealtimeClock().NowNs() / 1'000'000'000 - std::time(nullptr) <= 1);
  CHECK(std::time(nullptr) - RealtimeClock().NowNs() / 1'000'000'000 <= 1);
}

TEST_CASE("the manual clock moves only when told") {
  ManualClock clock(5);
  CHECK(clock.NowNs() == 5);
  clock.Advance(10);
  CHECK(clock.NowNs() == 15);
  clock.Set(3);
  CHECK(clock.NowNs() == 3);
}

TEST_CASE("seconds are written without a fraction, and absurd times as the bounds") {
  CHECK(FormatUnixSeconds(1'704'110'400) == "2024-01-01T12:00:00Z");
  CHECK(FormatUnixSeconds(-1) == "1970-01-01T00:00:00Z");
  CHECK(FormatUnixSeconds(INT64_MAX) == FormatUnixSeconds(9'000'000'000));
}

}  // namespace
}  // namespace audio_latency
