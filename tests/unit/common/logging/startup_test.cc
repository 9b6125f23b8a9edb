#include "common/logging/startup.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "common/version/version.h"
#include "tests/support/recording_logger.h"

namespace audio_latency {
namespace {

using testing::RecordingLogger;

TEST_CASE("a start tells program, version, options and what is doubtful") {
  RecordingLogger logger;
  LogStartup("a-program", {{"LOG_LEVEL", "info"}, {"INTERFACE", "auto"}}, {"one", "two"}, &logger);
  const std::vector<RecordingLogger::Line> lines = logger.lines();
  REQUIRE(lines.size() == 3);
  CHECK(lines[0].event_type == "startup");
  CHECK(lines[0].message == "Starting a-program");
  CHECK(lines[0].fields["version"] == std::string(Version()));
  CHECK(lines[0].fields["config"]["INTERFACE"] == "auto");
  CHECK(lines[1].event_type == "config_warning");
  CHECK(lines[1].level == LogLevel::kWarn);
  CHECK(lines[2].message == "two");
}

}  // namespace
}  // namespace audio_latency
