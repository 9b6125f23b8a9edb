#include "common/logging/limited_logger.h"

#include <algorithm>
#include <utility>

#include "nlohmann/json.hpp"

namespace audio_latency {

void LimitedLogger::Log(LogLevel level, std::string_view event_type, std::string_view message,
                        const nlohmann::json& fields) {
  // What nobody reads is not to use up the room of what somebody does.
  if (!logger_.IsOn(level)) {
    return;
  }
  const int64_t now_ns = monotonic_.NowNs();
  uint64_t left_out = 0;
  {
    const std::scoped_lock lock(mutex_);
    auto budget = budgets_.find(event_type);
    if (budget == budgets_.end()) {
      budget = budgets_.emplace(event_type, Budget{.full_at_ns = now_ns}).first;
    }
    const int64_t full_at_ns = std::max(budget->second.full_at_ns, now_ns) + kSpacingNs;
    if (full_at_ns - now_ns > kBurst * kSpacingNs) {
      ++budget->second.left_out;
      return;
    }
    budget->second.full_at_ns = full_at_ns;
    left_out = std::exchange(budget->second.left_out, 0);
  }
  if (left_out == 0) {
    logger_.Log(level, event_type, message, fields);
    return;
  }
  nlohmann::json more = fields;
  more["lines_left_out"] = left_out;
  logger_.Log(level, event_type, message, more);
}

}  // namespace audio_latency
