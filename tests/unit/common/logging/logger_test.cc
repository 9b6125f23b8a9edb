#include "common/logging/logger.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "common/status/status_macros.h"
#include "nlohmann/json.hpp"

namespace audio_latency {
namespace {

// A pipe whose writing end a logger has; Lines reads what came so far and closes it.
class LogPipe {
 public:
  LogPipe() {
    REQUIRE(pipe2(ends_.data(), O_CLOEXEC) == 0);
    REQUIRE(fcntl(ends_[1], F_SETPIPE_SZ, 1 << 20) > 0);
  }
  ~LogPipe() {
    close(ends_[0]);
    CloseWriter();
  }
  LogPipe(const LogPipe&) = delete;
  LogPipe& operator=(const LogPipe&) = delete;

  int writer() const { return ends_[1]; }

  std::vector<std::string> Lines() {
    CloseWriter();
    std::string text;
    std::array<char, 4096> buffer = {};
    for (ssize_t got = 0; (got = read(ends_[0], buffer.data(), buffer.size())) > 0;) {
      text.append(buffer.data(), static_cast<size_t>(got));
    }
    std::vector<std::string> lines;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) {
      lines.push_back(line);
    }
    return lines;
  }

 private:
  void CloseWriter() {
    if (ends_[1] >= 0) {
      close(ends_[1]);
      ends_[1] = -1;
    }
  }

  std::array<int, 2> ends_ = {-1, -1};
};

const ManualClock& Noon() {
  static const ManualClock kNoon(1704110400123456789);
  return kNoon;
}

TEST_CASE("a line has the form that users parse") {
  LogPipe log;
  const std::unique_ptr<Logger> logger = MakeJsonLogger(LogLevel::kInfo, Noon(), log.writer());
  logger->Info("startup", "starting", {{"node", "worker-1"}, {"ports", {8080, 8081}}});
  const std::vector<std::string> lines = log.Lines();
  REQUIRE(lines.size() == 1);
  CHECK(lines[0] == R"({"timestamp":"2024-01-01T12:00:00.123456789Z","level":"INFO",)"
                    R"("fields":{"event_type":"startup","message":"starting","node":"worker-1",)"
                    R"("ports":[8080,8081]}})");
}

TEST_CASE("lines below the level are not written") {
  LogPipe log;
  const std::unique_ptr<Logger> logger = MakeJsonLogger(LogLevel::kWarn, Noon(), log.writer());
  CHECK_FALSE(logger->IsOn(LogLevel::kInfo));
  CHECK(logger->IsOn(LogLevel::kWarn));
  logger->Debug("a", "", {});
  logger->Info("b", "");
  logger->Warn("c", "");
  logger->Error("d", "");
  logger->Error("e", "", {{"x", 1}});
  std::string types;
  std::string levels;
  for (const std::string& line : log.Lines()) {
    const nlohmann::json parsed = nlohmann::json::parse(line);
    types += parsed["fields"]["event_type"].get<std::string>();
    levels += parsed["level"].get<std::string>() + " ";
  }
  CHECK(types == "cde");
  CHECK(levels == "WARN ERROR ERROR ");
}

TEST_CASE("any bytes are written as one line of JSON") {
  LogPipe log;
  const std::unique_ptr<Logger> logger = MakeJsonLogger(LogLevel::kTrace, Noon(), log.writer());
  logger->Info("odd", "two\nlines \"quoted\" \xff\xfe",
               {{"pod", "\x01\xc3\x28"}, {"message", "no"}});
  const std::vector<std::string> lines = log.Lines();
  REQUIRE(lines.size() == 1);
  const nlohmann::json parsed = nlohmann::json::parse(lines[0]);
  CHECK(parsed["fields"]["message"].get<std::string>().find("two\nlines") == 0);
}

TEST_CASE("lines of many threads stay whole") {
  LogPipe log;
  const std::unique_ptr<Logger> logger = MakeJsonLogger(LogLevel::kInfo, Noon(), log.writer());
  constexpr int kThreads = 8;
  constexpr int kLines = 50;
  const std::string long_text(1000, 'x');
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&logger, &long_text] {
      for (int i = 0; i < kLines; ++i) {
        logger->Info("many", long_text);
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  const std::vector<std::string> lines = log.Lines();
  CHECK(lines.size() == kThreads * kLines);
  for (const std::string& line : lines) {
    CHECK(nlohmann::json::accept(line));
  }
}

TEST_CASE("levels are read by name") {
  CHECK(*ParseLogLevel("trace") == LogLevel::kTrace);
  CHECK(*ParseLogLevel("debug") == LogLevel::kDebug);
  CHECK(*ParseLogLevel("info") == LogLevel::kInfo);
  CHECK(*ParseLogLevel("warn") == LogLevel::kWarn);
  CHECK(*ParseLogLevel("error") == LogLevel::kError);
  CHECK(Message(ParseLogLevel("loud").status()).find("'loud'") != std::string::npos);
}

}  // namespace
}  // namespace audio_latency
