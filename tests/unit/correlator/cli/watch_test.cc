// watch and trace --follow: what goes on until it is enough.

#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/unit/correlator/cli/cli_runner.h"
#include "tests/unit/correlator/query/test_server.h"

namespace audio_latency::correlator {
namespace {

int Count(const std::string& text, const std::string& part) {
  int count = 0;
  for (size_t at = 0; (at = text.find(part, at)) != std::string::npos; at += part.size()) {
    ++count;
  }
  return count;
}

TEST_CASE("a watch writes below what it wrote") {
  TestServer server;
  server.FillWithThreeNodes();
  const CliRun run = RunCli(server.address(), {"watch", "--interval", "100", "--count", "3"});
  CHECK(run.exit_code == kExitOk);
  CHECK(Count(run.output, "ingress > processor > egress") == 3);
  CHECK(Count(run.output, "2024-01-01T12:00:03Z") == 3);
  CHECK(Count(run.output, "since the correlator's start") == 3);
  CHECK(Count(run.output, "\x1b") == 0);
}

TEST_CASE("a watch on a terminal draws over what it drew") {
  TestServer server;
  server.FillWithThreeNodes();
  const CliRun run = RunCli(server.address(),
                            {"watch", "--interval", "100", "--count", "2", "--window", "10"}, true);
  CHECK(Count(run.output, "\x1b[H\x1b[J") == 2);
  CHECK(Count(run.output, "last 10 s") == 2);
}

TEST_CASE("a watch as JSON is an object a line") {
  TestServer server;
  server.FillWithThreeNodes();
  const CliRun run =
      RunCli(server.address(), {"watch", "--interval", "100", "--count", "2", "-o", "json"}, true);
  std::istringstream lines(run.output);
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    CHECK(nlohmann::json::parse(line)["paths"][0]["count"] == 1234);
  }
  CHECK(count == 2);
}

TEST_CASE("a watch of nothing says what to do") {
  TestServer server;
  CHECK(Count(RunCli(server.address(), {"watch", "--count", "1"}).output,
              "no probe is connected") == 1);
}

TEST_CASE("matches are followed") {
  TestServer server;
  server.FillWithThreeNodes();
  server.paths.matches.resize(5, server.paths.matches[0]);
  const CliRun run = RunCli(server.address(), {"trace", "--follow", "--count", "4"});
  CHECK(run.exit_code == kExitOk);
  CHECK(Count(run.output, "signature ab54a98ceb1f0ad2, decided by unique\n") == 4);
  CHECK(run.errors == "audio-latency: 3 matches came faster than they are shown here\n");
  const CliRun as_json =
      RunCli(server.address(), {"trace", "--follow", "--count", "2", "-o", "json"});
  CHECK(Count(as_json.output, "\n") == 2);
  CHECK(nlohmann::json::parse(as_json.output.substr(0, as_json.output.find('\n')))["decision"] ==
        "unique");
}

TEST_CASE("a watch ends with the server, and says so") {
  TestServer server;
  server.FillWithThreeNodes();
  CliRun run;
  std::thread watching([&] { run = RunCli(server.address(), {"watch", "--interval", "100"}); });
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  server.Shutdown();
  watching.join();
  CHECK(run.exit_code == kExitServerError);
  CHECK(Count(run.output, "ingress > processor > egress") >= 1);
  CHECK(Count(run.errors, "the correlator is shutting down") == 1);
}

}  // namespace
}  // namespace audio_latency::correlator
