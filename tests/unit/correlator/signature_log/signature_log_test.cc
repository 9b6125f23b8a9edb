#include "correlator/signature_log/signature_log.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "nlohmann/json.hpp"
#include "tests/unit/correlator/testing/cluster.h"

namespace audio_latency::correlator {
namespace {

using testing::Cluster;
using testing::ConversationFlows;

constexpr int64_t kMillisecondNs = 1'000'000;

// Keeps the lines.
class Lines final : public Logger {
 public:
  bool IsOn(LogLevel /*level*/) const override { return true; }
  void Log(LogLevel /*level*/, std::string_view event_type, std::string_view message,
           const nlohmann::json& fields) override {
    nlohmann::json line = fields;
    line["event_type"] = event_type;
    line["message"] = message;
    const std::scoped_lock lock(mutex_);
    lines_.push_back(std::move(line));
  }
  std::vector<nlohmann::json> Of(const std::string& event_type) const {
    const std::scoped_lock lock(mutex_);
    std::vector<nlohmann::json> lines;
    for (const nlohmann::json& line : lines_) {
      if (line["event_type"] == event_type) {
        lines.push_back(line);
      }
    }
    return lines;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<nlohmann::json> lines_;
};

// Hands out these matches, once.
class Matches final : public PathReader {
 public:
  std::vector<PathSnapshot> Paths(uint32_t /*window_seconds*/) const override { return {}; }
  std::vector<HopSnapshot> Hops(uint32_t /*window_seconds*/) const override { return {}; }
  std::vector<Match> Find(uint64_t /*signature*/) const override { return {}; }
  std::optional<Match> Newest(std::string_view /*path*/) const override { return std::nullopt; }
  std::vector<std::pair<std::string, double>> Drops() const override { return {}; }
  std::unique_ptr<MatchSubscription> Subscribe() override {
    return std::make_unique<Subscription>(this);
  }

  std::vector<Match> matches;
  uint64_t skipped = 0;
  // Becomes true when all were taken and worked on.
  std::atomic<bool> is_done = false;

 private:
  class Subscription final : public MatchSubscription {
   public:
    explicit Subscription(Matches* all) : all_(*all) {}
    bool Next(int timeout_ms, std::vector<Match>* matches, uint64_t* skipped) override {
      std::unique_lock lock(mutex_);
      *matches = std::exchange(all_.matches, {});
      *skipped = std::exchange(all_.skipped, 0);
      if (matches->empty()) {
        all_.is_done = true;
        changed_.wait_for(lock, std::chrono::milliseconds(timeout_ms),
                          [this] { return is_cancelled_; });
      }
      return !is_cancelled_;
    }
    void Cancel() override {
      const std::scoped_lock lock(mutex_);
      is_cancelled_ = true;
      changed_.notify_all();
    }

   private:
    Matches& all_;
    std::mutex mutex_;
    std::condition_variable changed_;
    bool is_cancelled_ = false;
  };
};

// Calls from ingress over a processor to egress.
struct Fixture {
  Fixture() {
    cluster.AddPod("ingress-1", "ingress", "node-a");
    cluster.AddPod("processor-1", "processor", "node-b");
    cluster.AddPod("egress-1", "egress", "node-c");
    in = cluster.AddConversation("ingress-1", "processor-1");
    out = cluster.AddConversation("processor-1", "egress-1");
  }

  // In 2 ms, processed for 40 ms, out 3 ms.
  Match MatchOf(uint64_t signature) const {
    const int64_t now_ns = clock.NowNs();
    Passage first;
    first.conversation = in.conversation;
    first.first = {.flow = in.source_container, .time_ns = now_ns};
    first.last = {.flow = in.destination_container, .time_ns = now_ns + 2 * kMillisecondNs};
    first.source_seen = first.destination_seen = true;
    Passage second = first;
    second.conversation = out.conversation;
    second.first = {.flow = out.source_container, .time_ns = now_ns + 42 * kMillisecondNs};
    second.last = {.flow = out.destination_container, .time_ns = now_ns + 45 * kMillisecondNs};
    second.predecessor = 0;
    second.decision = Decision::kUnique;
    return {.signature = signature, .passages = {first, second}};
  }
  SignatureLogCounters Run(const SignatureLogOptions& options) {
    const auto log =
        SignatureLog::Start(options, &matches, &cluster.flows(), clock, realtime, &lines);
    for (int i = 0; i < 1000 && !matches.is_done; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    REQUIRE(matches.is_done);
    return log->Counters();
  }

  Cluster cluster;
  ConversationFlows in;
  ConversationFlows out;
  ManualClock clock{1'000'000'000};
  ManualClock realtime{1'700'000'000'000'000'000};
  Lines lines;
  Matches matches;
};

TEST_CASE("A piece of audio is logged at each of its points, with pods, and so are its delays") {
  Fixture fixture;
  fixture.matches.matches = {fixture.MatchOf(12345)};
  const SignatureLogCounters counters = fixture.Run({.share = 1});
  const std::vector<nlohmann::json> points = fixture.lines.Of("audio_signature");
  REQUIRE(points.size() == 4);
  CHECK(points[0]["signature"] == 12345);
  CHECK(points[0]["node"] == "node-a");
  CHECK(points[0]["timestamp_ns"] == 1'700'000'000'000'000'000);
  CHECK(points[0]["timestamp_human"] == "2023-11-14T22:13:20.000000000Z");
  CHECK(points[0]["src_pod"] == "ingress-1");
  CHECK(points[0]["src_namespace"] == "voice");
  CHECK(points[0]["src_workload"] == "Deployment/ingress");
  CHECK(points[0]["dst_workload"] == "Deployment/processor");
  CHECK(points[0]["dst_port"] == 4000);
  CHECK(points[0]["message"] == "Audio signature detected");
  CHECK(points[3]["node"] == "node-c");
  CHECK(points[3]["timestamp_ns"] == 1'700'000'000'045'000'000);
  const std::vector<nlohmann::json> delays = fixture.lines.Of("latency_calculation");
  REQUIRE(delays.size() == 3);
  CHECK(delays[0]["latency_ns"] == 2 * kMillisecondNs);
  CHECK(delays[0]["kind"] == "transit");
  CHECK(delays[0]["src_pod"] == "ingress-1");
  CHECK(delays[0]["dst_pod"] == "processor-1");
  CHECK(counters.lines == 7);
  CHECK(counters.over_rate == 0);
  bool has_processing = false;
  for (const nlohmann::json& delay : delays) {
    if (delay["kind"] == "processing") {
      has_processing = true;
      CHECK(delay["latency_ns"] == 40 * kMillisecondNs);
      CHECK(delay["src_pod"] == "processor-1");
      CHECK(delay["dst_pod"] == "processor-1");
    }
  }
  CHECK(has_processing);
}

TEST_CASE("The share is of signatures: all points of one or none") {
  Fixture fixture;
  constexpr int kMatches = 2000;
  for (uint64_t i = 0; i < kMatches; ++i) {
    // As when the probes keep small ones only.
    fixture.matches.matches.push_back(fixture.MatchOf(i << 8));
  }
  fixture.matches.skipped = 17;
  const SignatureLogCounters counters =
      fixture.Run({.share = 0.25, .max_lines_per_second = 1'000'000});
  std::map<uint64_t, int> lines;
  for (const nlohmann::json& point : fixture.lines.Of("audio_signature")) {
    ++lines[point["signature"].get<uint64_t>()];
  }
  CHECK(lines.size() > kMatches / 5);
  CHECK(lines.size() < kMatches * 3 / 10);
  for (const auto& [signature, count] : lines) {
    CHECK(count == 4);
  }
  CHECK(counters.skipped_matches == 17);
}

TEST_CASE("Lines beyond the rate are left out and counted") {
  Fixture fixture;
  for (uint64_t i = 0; i < 100; ++i) {
    fixture.matches.matches.push_back(fixture.MatchOf(i));
  }
  const SignatureLogCounters counters = fixture.Run({.share = 1, .max_lines_per_second = 10});
  // What may come at once, of a clock that stands still.
  CHECK(counters.lines == 40);
  CHECK(counters.lines + counters.over_rate == 700);
  CHECK(fixture.lines.Of("audio_signature").size() +
            fixture.lines.Of("latency_calculation").size() ==
        40);
}

}  // namespace
}  // namespace audio_latency::correlator
