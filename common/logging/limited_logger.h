// Log lines that strangers can cause: only so many of them.

#ifndef COMMON_LOGGING_LIMITED_LOGGER_H_
#define COMMON_LOGGING_LIMITED_LOGGER_H_

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "common/logging/logger.h"
#include "common/time/clock.h"
#include "nlohmann/json_fwd.hpp"

namespace audio_latency {

// Lets kBurst lines of one event type through, then one a second; the next line that is let through
// tells in its field "lines_left_out" how many were not. Thread-safe.
class LimitedLogger {
 public:
  static constexpr int64_t kBurst = 20;
  static constexpr int64_t kSpacingNs = 1'000'000'000;

  // Both must outlive it.
  LimitedLogger(Logger* logger, const Clock* monotonic)
      : logger_(*logger), monotonic_(*monotonic) {}

  // `event_type` is one of a few fixed names.
  void Log(LogLevel level, std::string_view event_type, std::string_view message,
           const nlohmann::json& fields);

 private:
  struct Budget {
    // When all of the burst is there again.
    int64_t full_at_ns = 0;
    uint64_t left_out = 0;
  };

  Logger& logger_;
  const Clock& monotonic_;
  std::mutex mutex_;
  std::map<std::string, Budget, std::less<>> budgets_;
};

}  // namespace audio_latency

#endif  // COMMON_LOGGING_LIMITED_LOGGER_H_
