#include "probe/capture/poll_timer.h"

#include <catch2/catch.hpp>

namespace audio_latency::probe {
namespace {

TEST_CASE("an idle ring is looked into every 20 ms, a busy one every ms") {
  PollTimer timer(40'000);
  for (int i = 0; i < 10; ++i) {
    timer.Next(0);
  }
  CHECK(timer.Next(0) == PollTimer::kLongest);
  CHECK(timer.Next(5'000) == PollTimer::kShortest);
  CHECK(timer.Next(0) == 2 * PollTimer::kShortest);
}

TEST_CASE("a steady load settles where a look neither finds much nor little") {
  PollTimer timer(40'000);
  auto wait = PollTimer::kShortest;
  for (int i = 0; i < 20; ++i) {
    // 100,000 events a second.
    wait = timer.Next(static_cast<size_t>(wait.count() / 10));
  }
  CHECK(wait == 4 * PollTimer::kShortest);
}

TEST_CASE("a small ring is never left until it is full") {
  constexpr size_t kRingEvents = 40;
  PollTimer timer(kRingEvents);
  timer.Next(0);
  CHECK(timer.Next(kRingEvents / 4) == PollTimer::kShortest);
}

}  // namespace
}  // namespace audio_latency::probe
