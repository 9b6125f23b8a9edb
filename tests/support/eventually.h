// Waiting for what other threads and programs do.

#ifndef TESTS_SUPPORT_EVENTUALLY_H_
#define TESTS_SUPPORT_EVENTUALLY_H_

#include <chrono>
#include <thread>

namespace audio_latency::testing {

// Whether `condition` became true. The limit is for what never comes to pass, not a promise of how
// soon it does: machines are busy.
template <typename Condition>
bool Eventually(const Condition& condition,
                std::chrono::milliseconds limit = std::chrono::seconds(30)) {
  constexpr std::chrono::milliseconds kPause(5);
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) {
      return false;
    }
    std::this_thread::sleep_for(kPause);
  }
  return true;
}

}  // namespace audio_latency::testing

#endif  // TESTS_SUPPORT_EVENTUALLY_H_
