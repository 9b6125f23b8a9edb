#include "correlator/cli/run.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/unit/correlator/cli/cli_runner.h"
#include "tests/unit/correlator/query/test_server.h"

namespace audio_latency::correlator {
namespace {

using nlohmann::json;

bool Mentions(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE("paths as JSON have the names and types of the interface") {
  TestServer server;
  server.FillWithThreeNodes();
  const CliRun run = RunCli(server.address(), {"paths", "-o", "json"});
  REQUIRE(run.exit_code == kExitOk);
  CHECK(run.errors.empty());
  const json answer = json::parse(run.output);
  const json& path = answer["paths"][0];
  CHECK(path["path"] == "ingress > processor > egress");
  CHECK(path["count"].is_number());
  CHECK(path["count"] == 1234);
  CHECK(path["one_way_delay"]["p50_seconds"] == 0.0412);
  for (const char* name :
       {"p50_seconds", "p90_seconds", "p95_seconds", "p99_seconds", "max_seconds"}) {
    CHECK(path["one_way_delay"][name].is_number());
  }
  CHECK(path["error_bound_seconds"] == 2e-6);
  CHECK(path["lost_share"].is_number());
  CHECK(path["coverage"] == 0.995);
  REQUIRE(path["hops"].size() == 3);
  const json& hop = path["hops"][0];
  CHECK(hop["kind"] == "TRANSIT");
  CHECK(path["hops"][1]["kind"] == "PROCESSING");
  CHECK(hop["source"] == json({{"pod", "ingress-1"},
                               {"namespace", "voice"},
                               {"workload", "ingress"},
                               {"workload_kind", "Deployment"},
                               {"service", ""},
                               {"node", "node-a"},
                               {"ambiguous", false},
                               {"address", "10.0.1.5"}}));
  CHECK(hop["destination"]["pod"] == "processor-2");
  CHECK(hop["count"] == 1234);
  CHECK(hop["error_bound_seconds"] == 2e-6);
}

TEST_CASE("what is zero or empty is in the JSON all the same") {
  TestServer server;
  CHECK(json::parse(RunCli(server.address(), {"paths", "-o", "json"}).output) ==
        json({{"clocks", json::array()}, {"paths", json::array()}}));
  server.FillWithThreeNodes();
  server.paths.paths[0].delay.negative_count = 0;
  server.paths.paths[0].hops[0].source.pod.clear();
  const json answer = json::parse(RunCli(server.address(), {"paths", "-o", "json"}).output);
  CHECK(answer["paths"][0]["negative_count"] == 0);
  CHECK(answer["paths"][0]["hops"][0]["source"]["pod"] == "");
}

TEST_CASE("the other commands speak JSON too") {
  TestServer server;
  server.FillWithThreeNodes();
  CHECK(json::parse(RunCli(server.address(), {"hops", "-o", "json"}).output)["hops"].size() == 3);
  const json nodes = json::parse(RunCli(server.address(), {"nodes", "-o", "json"}).output);
  CHECK(nodes["nodes"][0]["clock_state"] == "good");
  CHECK(nodes["nodes"][0]["drops"]["ring_full"] == 50);
  const json trace = json::parse(RunCli(server.address(), {"trace", "-o", "json"}).output);
  CHECK(trace["traces"][0]["signature"] == "ab54a98ceb1f0ad2");
  CHECK(trace["traces"][0]["points"].size() == 4);
}

TEST_CASE("tables are for people") {
  TestServer server;
  server.FillWithThreeNodes();
  CHECK(Mentions(RunCli(server.address(), {"paths"}).output, "  inside processor-2 "));
  CHECK(Mentions(RunCli(server.address(), {"hops"}).output, "node-a > node-b"));
  CHECK(Mentions(RunCli(server.address(), {"nodes"}).output, "3 s ago"));
  const CliRun trace = RunCli(server.address(), {"trace", "ab54a98ceb1f0ad2"});
  CHECK(trace.exit_code == kExitOk);
  CHECK(Mentions(trace.output, "decided by unique"));
  CHECK(Mentions(trace.output, "40.8 ms"));
}

TEST_CASE("through and window are asked of the server") {
  TestServer server;
  server.FillWithThreeNodes();
  RunCli(server.address(), {"paths", "--window", "30"});
  CHECK(server.paths.window_seconds == 30);
  CHECK(Mentions(RunCli(server.address(), {"paths", "--through", "egress-3"}).output, "egress"));
  const CliRun nobody = RunCli(server.address(), {"hops", "--through", "nobody"});
  CHECK(nobody.exit_code == kExitOk);
  CHECK(Mentions(nobody.output, "No audio went through 'nobody'"));
}

TEST_CASE("an empty correlator says what to do") {
  TestServer server;
  for (const char* command : {"paths", "hops"}) {
    const CliRun run = RunCli(server.address(), {command});
    CHECK(run.exit_code == kExitOk);
    CHECK(Mentions(run.output, "Start audio-latency-probe"));
  }
  CHECK(Mentions(RunCli(server.address(), {"nodes"}).output, "Start audio-latency-probe"));
}

void CheckOneLine(const CliRun& run) {
  CHECK(run.output.empty());
  CHECK(run.errors.find("audio-latency: ") == 0);
  CHECK(std::count(run.errors.begin(), run.errors.end(), '\n') == 1);
}

TEST_CASE("errors speak of what the user asked, not of calls") {
  TestServer server;
  for (const std::vector<const char*>& arguments :
       {std::vector<const char*>{"trace"}, {"trace", "--path", "a > b"}, {"trace", "12"}}) {
    const CliRun run = RunCli(server.address(), arguments);
    CHECK(run.exit_code == kExitServerError);
    CheckOneLine(run);
    for (const char* call : {"ListPaths", "ListNodes", "TraceSignature"}) {
      CHECK_FALSE(Mentions(run.errors, call));
    }
  }
}

TEST_CASE("an answer that cannot be written is an error") {
  TestServer server;
  server.FillWithThreeNodes();
  const std::map<std::string, std::string> environment = {
      {"AUDIO_LATENCY_SERVER", server.address()}};
  const ManualClock realtime;
  for (const char* command : {"paths", "hops", "nodes", "trace"}) {
    std::ofstream full("/dev/full");
    std::ostringstream errors;
    const char* const arguments[] = {command};
    CHECK(RunCommandLine(arguments, {.environment = environment,
                                     .realtime = realtime,
                                     .output = full,
                                     .errors = errors}) == kExitServerError);
    CHECK(Mentions(errors.str(), "could not be written"));
  }
}

TEST_CASE("an error is one line and an exit code") {
  TestServer server;
  const CliRun no_match = RunCli(server.address(), {"trace", "12"});
  CHECK(no_match.exit_code == kExitServerError);
  CheckOneLine(no_match);
  const CliRun bad_signature = RunCli(server.address(), {"trace", "xyz"});
  CHECK(bad_signature.exit_code == kExitUsage);
  CheckOneLine(bad_signature);
  const CliRun unknown = RunCli(server.address(), {"pahts"});
  CHECK(unknown.exit_code == kExitUsage);
  CheckOneLine(unknown);
}

TEST_CASE("where no server answers it is said, at once") {
  std::string address;
  {
    const TestServer server;
    address = server.address();
  }
  for (const char* command : {"paths", "hops", "nodes", "trace", "watch"}) {
    const auto start = std::chrono::steady_clock::now();
    const CliRun run = RunCli(address, {command});
    CHECK(run.exit_code == kExitServerError);
    CheckOneLine(run);
    CHECK(Mentions(run.errors, "no correlator answers at " + address + " (Connection refused)"));
    CHECK(Mentions(run.errors, "--server HOST:PORT"));
    CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(3));
  }
}

TEST_CASE("a server that says nothing is waited for, but not for ever") {
  // The kernel accepts connections for it; nobody ever reads them.
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in name = {};
  name.sin_family = AF_INET;
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(name);
  REQUIRE(bind(listener, reinterpret_cast<sockaddr*>(&name), size) == 0);
  REQUIRE(listen(listener, 4) == 0);
  REQUIRE(getsockname(listener, reinterpret_cast<sockaddr*>(&name), &size) == 0);
  const auto start = std::chrono::steady_clock::now();
  const CliRun run = RunCli("127.0.0.1:" + std::to_string(ntohs(name.sin_port)), {"paths"});
  const auto waited = std::chrono::steady_clock::now() - start;
  close(listener);
  CHECK(run.exit_code == kExitServerError);
  CheckOneLine(run);
  CHECK(waited > std::chrono::seconds(4));
  CHECK(waited < std::chrono::seconds(8));
}

}  // namespace
}  // namespace audio_latency::correlator
