#include "common/process/blocked_signals.h"

#include <poll.h>
#include <pthread.h>

#include <catch2/catch.hpp>
#include <csignal>

namespace audio_latency {
namespace {

bool IsBlocked(int number) {
  sigset_t mask;
  REQUIRE(pthread_sigmask(SIG_SETMASK, nullptr, &mask) == 0);
  return sigismember(&mask, number) == 1;
}

bool IsReadable(const BlockedSignals& signals) {
  pollfd watched = {signals.descriptor(), POLLIN, 0};
  return poll(&watched, 1, 0) == 1;
}

TEST_CASE("blocked signals are read, not suffered") {
  for (const int number : {SIGTERM, SIGINT}) {
    CAPTURE(number);
    const auto signals = BlockedSignals::Block();
    REQUIRE(signals.ok());
    CHECK_FALSE((*signals)->Take());
    CHECK_FALSE(IsReadable(**signals));
    pthread_kill(pthread_self(), number);
    CHECK(IsReadable(**signals));
    CHECK((*signals)->Take());
    CHECK_FALSE((*signals)->Take());
  }
}

TEST_CASE("signals that were noticed do not end the process once they are let through again") {
  REQUIRE_FALSE(IsBlocked(SIGTERM));
  {
    const auto signals = BlockedSignals::Block();
    REQUIRE(signals.ok());
    CHECK(IsBlocked(SIGTERM));
    CHECK(IsBlocked(SIGINT));
    pthread_kill(pthread_self(), SIGTERM);
    (*signals)->LetThrough();
    CHECK_FALSE(IsBlocked(SIGTERM));
  }
  {
    const auto signals = BlockedSignals::Block();
    REQUIRE(signals.ok());
    pthread_kill(pthread_self(), SIGINT);
  }
  CHECK_FALSE(IsBlocked(SIGTERM));
  CHECK_FALSE(IsBlocked(SIGINT));
}

}  // namespace
}  // namespace audio_latency
