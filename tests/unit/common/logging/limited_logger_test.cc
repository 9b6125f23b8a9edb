#include "common/logging/limited_logger.h"

#include <catch2/catch.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "common/time/clock.h"
#include "nlohmann/json.hpp"

namespace audio_latency {
namespace {

// Takes nothing below a warning.
class Warnings final : public Logger {
 public:
  bool IsOn(LogLevel level) const override { return level >= LogLevel::kWarn; }
  void Log(LogLevel level, std::string_view /*event_type*/, std::string_view message,
           const nlohmann::json& fields) override {
    if (IsOn(level)) {
      lines.push_back(std::string(message) + (fields.empty() ? "" : " " + fields.dump()));
    }
  }

  std::vector<std::string> lines;
};

TEST_CASE("A burst is logged, then a line a second, which tells how many were left out") {
  Warnings sink;
  ManualClock clock;
  LimitedLogger logger(&sink, &clock);
  for (int i = 0; i < LimitedLogger::kBurst + 5; ++i) {
    logger.Log(LogLevel::kWarn, "refused", "no", {});
  }
  CHECK(sink.lines.size() == LimitedLogger::kBurst);
  clock.Advance(LimitedLogger::kSpacingNs);
  logger.Log(LogLevel::kWarn, "refused", "no", {});
  REQUIRE(sink.lines.size() == LimitedLogger::kBurst + 1);
  CHECK(sink.lines.back() == R"(no {"lines_left_out":5})");
}

TEST_CASE("Lines of a level that is not logged leave the others their room") {
  Warnings sink;
  ManualClock clock;
  LimitedLogger logger(&sink, &clock);
  for (int i = 0; i < 10 * LimitedLogger::kBurst; ++i) {
    logger.Log(LogLevel::kDebug, "refused", "the elder asks again", {});
  }
  logger.Log(LogLevel::kWarn, "refused", "no", {});
  CHECK(sink.lines == std::vector<std::string>{"no"});
}

}  // namespace
}  // namespace audio_latency
