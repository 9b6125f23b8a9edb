#include "common/logging/startup.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "common/version/version.h"
#include "nlohmann/json.hpp"

namespace audio_latency {
namespace {

class ListLogger final : public Logger {
 public:
  bool IsOn(LogLevel) const override { return true; }
  void Log(LogLevel level, std::string_view event_type, std::string_view message,
           const nlohmann::json& fields) override {
    lines.push_back({{"level", static_cast<int>(level)},
                     {"event_type", event_type},
                     {"message", message},
                     {"fields", fields}});
  }

  std::vector<nlohmann::json> lines;
};

TEST_CASE("a start tells program, version, options and what is doubtful") {
  ListLogger logger;
  LogStartup("a-program", {{"LOG_LEVEL", "info"}, {"INTERFACE", "auto"}}, {"one", "two"}, &logger);
  REQUIRE(logger.lines.size() == 3);
  CHECK(logger.lines[0]["event_type"] == "startup");
  CHECK(logger.lines[0]["message"] == "Starting a-program");
  CHECK(logger.lines[0]["fields"]["version"] == std::string(Version()));
  CHECK(logger.lines[0]["fields"]["config"]["INTERFACE"] == "auto");
  CHECK(logger.lines[1]["event_type"] == "config_warning");
  CHECK(logger.lines[1]["level"] == static_cast<int>(LogLevel::kWarn));
  CHECK(logger.lines[2]["message"] == "two");
}

}  // namespace
}  // namespace audio_latency
