// watch and trace --follow: what goes on until it is enough.

#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <nlohmann/json.hpp>
#include <ostream>
#include <streambuf>
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

// Lets another thread wait for what is written.
class SeenOutput final : public std::streambuf {
 public:
  // False when it was not written in 30 s.
  bool WaitFor(const std::string& part) {
    std::unique_lock lock(mutex_);
    return written_.wait_for(lock, std::chrono::seconds(30),
                             [&] { return text_.find(part) != std::string::npos; });
  }

 private:
  std::streamsize xsputn(const char* text, std::streamsize size) override {
    const std::scoped_lock lock(mutex_);
    text_.append(text, static_cast<size_t>(size));
    written_.notify_all();
    return size;
  }
  int_type overflow(int_type character) override {
    const char text = traits_type::to_char_type(character);
    xsputn(&text, 1);
    return character;
  }

  std::mutex mutex_;
  std::condition_variable written_;
  std::string text_;
};

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
  SeenOutput output;
  std::ostream stream(&output);
  std::thread watching([&] {
    run = RunCliInto(stream, server.address(), {"watch", "--interval", "100"});
  });
  const bool is_shown = output.WaitFor("ingress > processor > egress");
  server.Shutdown();
  watching.join();
  CHECK(is_shown);
  CHECK(run.exit_code == kExitServerError);
  CAPTURE(run.errors);
  CHECK(Count(run.errors, "the correlator is shutting down") == 1);
}

TEST_CASE("a watch goes on when its connection ends with its age") {
  constexpr std::chrono::milliseconds kAge(400);
  TestServer server(kDefaultMaxWatchers, kAge);
  server.FillWithThreeNodes();
  // Two seconds, and so several connections.
  const CliRun run = RunCli(server.address(), {"watch", "--interval", "100", "--count", "20"});
  CHECK(run.errors.empty());
  CHECK(run.exit_code == kExitOk);
  CHECK(Count(run.output, "ingress > processor > egress") == 20);
}

}  // namespace
}  // namespace audio_latency::correlator
