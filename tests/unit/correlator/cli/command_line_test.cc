#include "correlator/cli/command_line.h"

#include <catch2/catch.hpp>
#include <vector>

#include "common/status/status_macros.h"

namespace audio_latency::correlator {
namespace {

using Verb = CommandLine::Verb;

absl::StatusOr<CommandLine> Parse(std::vector<const char*> arguments,
                                  const std::map<std::string, std::string>& environment = {}) {
  return ParseCommandLine(arguments, environment);
}

std::string Error(std::vector<const char*> arguments) {
  const absl::StatusOr<CommandLine> parsed = Parse(std::move(arguments));
  REQUIRE_FALSE(parsed.ok());
  CHECK(parsed.status().code() == absl::StatusCode::kInvalidArgument);
  const std::string message = Message(parsed.status());
  CHECK(message.find('\n') == std::string::npos);
  return message;
}

bool Mentions(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE("each command is taken, with its options") {
  CHECK(Parse({"paths"})->verb == Verb::kPaths);
  CHECK(Parse({"hops"})->verb == Verb::kHops);
  CHECK(Parse({"nodes"})->verb == Verb::kNodes);
  const CommandLine watch = *Parse({"watch", "--window", "10", "--through=egress", "--interval",
                                    "500", "--count", "3", "-o", "json"});
  CHECK(watch.verb == Verb::kWatch);
  CHECK(watch.window_seconds == 10);
  CHECK(watch.through == "egress");
  CHECK(watch.interval_ms == 500);
  CHECK(watch.answers == 3);
  CHECK(watch.as_json);
  const CommandLine trace = *Parse({"trace", "ab54a98ceb1f0ad2"});
  CHECK(trace.verb == Verb::kTrace);
  CHECK(trace.signature == "ab54a98ceb1f0ad2");
  CHECK_FALSE(trace.as_json);
  CHECK(Parse({"trace", "--path", "a > b"})->path == "a > b");
  CHECK(Parse({"trace", "--follow"})->follow);
}

TEST_CASE("the server is flag, environment, default") {
  CHECK(Parse({"paths"})->server == "localhost:9095");
  CHECK(Parse({"paths"}, {{"AUDIO_LATENCY_SERVER", "a:1"}})->server == "a:1");
  CHECK(Parse({"--server", "b:2", "paths"}, {{"AUDIO_LATENCY_SERVER", "a:1"}})->server == "b:2");
  CHECK(Parse({"paths", "--server", "[::1]:9095"})->server == "[::1]:9095");
  for (const char* bad : {"localhost", ":1", "a:", "a:0", "a:65536", "a:b"}) {
    CHECK(Mentions(Error({"paths", "--server", bad}), "write HOST:PORT"));
  }
}

TEST_CASE("what is not understood is told, with the nearest that is") {
  CHECK(Mentions(Error({}), "paths, hops, nodes, watch or trace"));
  CHECK(Mentions(Error({"pahts"}), "did you mean paths?"));
  CHECK(Mentions(Error({"paths", "--windwo=10"}), "did you mean --window?"));
  CHECK(Mentions(Error({"frobnicate"}), "frobnicate"));
  CHECK(Mentions(Error({"nodes", "--window", "10"}), "--window"));
  for (const char* bad : {"5", "61", "-1", "ten", "10s"}) {
    CHECK(Mentions(Error({"paths", "--window", bad}), "use 10 to 60 seconds"));
  }
  CHECK(Mentions(Error({"paths", "-o", "xml"}), "xml"));
  CHECK(Mentions(Error({"watch", "--interval", "99"}), "99"));
  CHECK(Mentions(Error({"trace", "1", "--path", "a"}), "not both"));
  CHECK(Mentions(Error({"trace", "1", "--follow"}), "leave out"));
}

TEST_CASE("help and version are texts to show") {
  const CommandLine help = *Parse({"--help"});
  CHECK(help.verb == Verb::kShowText);
  for (const char* part : {"paths", "hops", "nodes", "watch", "trace", "AUDIO_LATENCY_SERVER",
                           "localhost:9095", "Examples"}) {
    CHECK(Mentions(help.text, part));
  }
  CHECK(Mentions(Parse({"paths", "--help"})->text, "--through"));
  CHECK(Mentions(Parse({"--version"})->text, "audio-latency "));
}

}  // namespace
}  // namespace audio_latency::correlator
