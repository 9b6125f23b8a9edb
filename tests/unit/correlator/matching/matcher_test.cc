// The rules one by one, on a clock that is turned by hand.

#include "correlator/matching/matcher.h"

#include <catch2/catch.hpp>
#include <vector>

#include "tests/unit/correlator/testing/cluster.h"

namespace audio_latency::correlator {
namespace {

using testing::Cluster;
using testing::ConversationFlows;

constexpr int64_t kMillisecondNs = 1'000'000;
constexpr int64_t kSecondNs = 1'000'000'000;
constexpr int64_t kStartNs = 1000 * kSecondNs;

class Fixture {
 public:
  explicit Fixture(const MatcherOptions& options = {}) : matcher(MakeFlows(), options) {}

  void See(FlowId flow, uint64_t signature, uint32_t position, int64_t time_ns) {
    const Observation observation{
        .signature = signature, .time_ns = time_ns, .flow = flow, .position = position};
    matcher.Add({&observation, 1}, now_ns);
  }
  // At all four points, with a transit of 1 ms.
  void Pass(const ConversationFlows& flows, uint64_t signature, uint32_t position,
            int64_t time_ns) {
    See(flows.source_container, signature, position, time_ns);
    See(flows.source_uplink, signature, position, time_ns + 1000);
    See(flows.destination_uplink, signature, position, time_ns + kMillisecondNs - 1000);
    See(flows.destination_container, signature, position, time_ns + kMillisecondNs);
  }
  // Enough unique links to lock the pair, and the wait until they are decided.
  void LockPair(const ConversationFlows& into, const ConversationFlows& out_of,
                int64_t processing_ns = 40 * kMillisecondNs) {
    for (uint32_t i = 0; i < 30; ++i) {
      Pass(into, next_signature, 5000 + i, now_ns);
      Pass(out_of, next_signature++, 9000 + i, now_ns + kMillisecondNs + processing_ns);
      now_ns += 10 * kMillisecondNs;
    }
    now_ns += kSecondNs;
    Decide();
    matches.clear();
  }
  const std::vector<Match>& Decide() {
    matcher.Decide(now_ns, &matches);
    return matches;
  }
  const std::vector<Match>& DecideLater() {
    now_ns += 700 * kMillisecondNs;
    return Decide();
  }
  // Links told now.
  size_t NewLinks() const {
    size_t count = 0;
    for (const Match& match : matches) {
      for (const Passage& passage : match.passages) {
        count += passage.predecessor >= 0 && !passage.link_reported;
      }
    }
    return count;
  }

  Cluster cluster;
  int64_t now_ns = kStartNs;
  uint64_t next_signature = 1'000'000;
  ConversationFlows in;
  ConversationFlows out;
  ConversationFlows other_in;
  ConversationFlows other_out;
  Matcher matcher;
  std::vector<Match> matches;

 private:
  const FlowRegistry& MakeFlows() {
    cluster.AddPod("a", "caller", "node-a");
    cluster.AddPod("a2", "caller", "node-a");
    cluster.AddPod("p", "processor", "node-b");
    cluster.AddPod("c", "called", "node-c");
    cluster.AddPod("c2", "called", "node-c");
    in = cluster.AddConversation("a", "p");
    out = cluster.AddConversation("p", "c");
    other_in = cluster.AddConversation("a2", "p");
    other_out = cluster.AddConversation("p", "c2");
    return cluster.flows();
  }
};

TEST_CASE("A conversation met at two points is told after the hold, once") {
  Fixture fixture;
  fixture.See(fixture.in.source_container, 7, 1, kStartNs - 1000);
  fixture.See(fixture.in.destination_container, 7, 1, kStartNs);
  fixture.now_ns += 599 * kMillisecondNs;
  CHECK(fixture.Decide().empty());
  fixture.now_ns += 2 * kMillisecondNs;
  REQUIRE(fixture.Decide().size() == 1);
  const Match match = fixture.matches[0];
  CHECK(match.signature == 7);
  REQUIRE(match.passages.size() == 1);
  CHECK(match.passages[0].conversation == fixture.in.conversation);
  CHECK(match.passages[0].last.time_ns - match.passages[0].first.time_ns >= 1000 - 128);
  CHECK(match.passages[0].last.time_ns - match.passages[0].first.time_ns <= 1000 + 128);
  fixture.DecideLater();
  fixture.DecideLater();
  CHECK(fixture.matches.size() == 1);
  CHECK(fixture.matcher.counters().matches == 1);
}

TEST_CASE("One point is no match") {
  Fixture fixture;
  fixture.See(fixture.in.source_container, 7, 1, kStartNs);
  fixture.See(fixture.in.source_uplink, 7, 1, kStartNs + 10);
  CHECK(fixture.DecideLater().empty());
}

TEST_CASE("A point that comes late completes the match, which is told once") {
  Fixture fixture;
  fixture.See(fixture.in.source_container, 7, 1, kStartNs);
  CHECK(fixture.DecideLater().empty());
  fixture.now_ns += 3 * kSecondNs;
  fixture.See(fixture.in.destination_container, 7, 1, kStartNs + kMillisecondNs);
  REQUIRE(fixture.DecideLater().size() == 1);
  CHECK_FALSE(fixture.matches[0].passages[0].transit_reported);
  CHECK(fixture.matcher.counters().late == 1);
}

TEST_CASE("A negative delay within the clocks' error is kept") {
  Fixture fixture;
  fixture.See(fixture.in.source_container, 7, 1, kStartNs);
  fixture.See(fixture.in.destination_container, 7, 1, kStartNs - 50'000);
  REQUIRE(fixture.DecideLater().size() == 1);
  const Passage& passage = fixture.matches[0].passages[0];
  CHECK(passage.first.flow == fixture.in.source_container);
  CHECK(passage.last.time_ns - passage.first.time_ns < -49'000);
}

TEST_CASE("A pair is locked by a run of unique links, and told from then on") {
  Fixture fixture;
  const uint32_t needed = LinkOptions().links_to_lock;
  for (uint32_t i = 0; i < needed + 5; ++i) {
    fixture.Pass(fixture.in, 100 + i, i, kStartNs + i * 20 * kMillisecondNs);
    fixture.Pass(fixture.out, 100 + i, i, kStartNs + (i * 20 + 41) * kMillisecondNs);
  }
  fixture.DecideLater();
  CHECK(fixture.NewLinks() == 6);
  const MatchingCounters& counters = fixture.matcher.counters();
  CHECK(counters.unique_links == 6);
  CHECK(counters.unconfirmed == needed - 1);
  CHECK(counters.collisions == 0);
  CHECK(counters.locks == 1);
  const Match& last = fixture.matches.back();
  REQUIRE(last.passages.size() == 2);
  CHECK(last.passages[0].conversation == fixture.in.conversation);
  CHECK(last.passages[1].predecessor == 0);
  CHECK(last.passages[1].decision == Decision::kUnique);
}

TEST_CASE("Two pieces of one content are told apart by their pairs' locks") {
  Fixture fixture;
  fixture.LockPair(fixture.in, fixture.out);
  fixture.LockPair(fixture.other_in, fixture.other_out);
  const int64_t time_ns = fixture.now_ns;
  fixture.Pass(fixture.in, 7, 1, time_ns);
  fixture.Pass(fixture.other_in, 7, 1, time_ns);
  fixture.Pass(fixture.out, 7, 1, time_ns + 41 * kMillisecondNs);
  fixture.Pass(fixture.other_out, 7, 1, time_ns + 41 * kMillisecondNs);
  REQUIRE(fixture.DecideLater().size() == 2);
  CHECK(fixture.NewLinks() == 2);
  for (const Match& match : fixture.matches) {
    REQUIRE(match.passages.size() == 2);
    const bool is_first = match.passages[0].conversation == fixture.in.conversation;
    CHECK(match.passages[1].conversation ==
          (is_first ? fixture.out : fixture.other_out).conversation);
    CHECK(match.passages[1].decision == Decision::kLock);
  }
  CHECK(fixture.matcher.counters().lock_links == 2);
}

TEST_CASE("Without a lock, two pieces of one content are not told apart") {
  Fixture fixture;
  const int64_t time_ns = fixture.now_ns;
  for (uint32_t i = 0; i < 50; ++i) {
    const int64_t at_ns = time_ns + i * 10 * kMillisecondNs;
    fixture.Pass(fixture.in, 100 + i, i, at_ns);
    fixture.Pass(fixture.other_in, 100 + i, i, at_ns);
    fixture.Pass(fixture.out, 100 + i, i, at_ns + 41 * kMillisecondNs);
    fixture.Pass(fixture.other_out, 100 + i, i, at_ns + 41 * kMillisecondNs);
  }
  fixture.DecideLater();
  CHECK(fixture.NewLinks() == 0);
  CHECK(fixture.matcher.counters().collisions == 100);
  // The network's part is certain all the same.
  CHECK(fixture.matches.size() == 200);
}

TEST_CASE("What is locked to one does not take a unique piece from another") {
  Fixture fixture;
  fixture.LockPair(fixture.in, fixture.out);
  const uint64_t collisions = fixture.matcher.counters().collisions;
  // The first caller's own piece was lost.
  fixture.Pass(fixture.other_in, 7, 1, fixture.now_ns);
  fixture.Pass(fixture.out, 7, 1, fixture.now_ns + 41 * kMillisecondNs);
  fixture.DecideLater();
  CHECK(fixture.NewLinks() == 0);
  CHECK(fixture.matcher.counters().collisions == collisions + 1);
}

TEST_CASE("A conversation that gets its audio from elsewhere for good is linked anew") {
  Fixture fixture;
  fixture.LockPair(fixture.in, fixture.out);
  for (uint32_t i = 0; i < 60; ++i) {
    const int64_t at_ns = fixture.now_ns + i * 10 * kMillisecondNs;
    fixture.Pass(fixture.other_in, 100 + i, i, at_ns);
    fixture.Pass(fixture.out, 100 + i, i, at_ns + 41 * kMillisecondNs);
  }
  fixture.now_ns += kSecondNs;
  fixture.DecideLater();
  CHECK(fixture.NewLinks() > 20);
  CHECK(fixture.NewLinks() < 40);
}

TEST_CASE("A lock that was not used for ten seconds is no more") {
  Fixture fixture;
  fixture.LockPair(fixture.in, fixture.out);
  fixture.now_ns += 11 * kSecondNs;
  fixture.Pass(fixture.in, 7, 1, fixture.now_ns);
  fixture.Pass(fixture.out, 7, 1, fixture.now_ns + 41 * kMillisecondNs);
  fixture.DecideLater();
  CHECK(fixture.NewLinks() == 0);
  CHECK(fixture.matcher.counters().locks == 0);
}

TEST_CASE("A unique piece far off the typical delay is told, but not one that was linked before") {
  Fixture fixture;
  fixture.LockPair(fixture.in, fixture.out);
  const int64_t time_ns = fixture.now_ns;
  fixture.Pass(fixture.in, 7, 1, time_ns);
  fixture.Pass(fixture.out, 7, 1, time_ns + 900 * kMillisecondNs);
  fixture.now_ns += kSecondNs;
  fixture.DecideLater();
  REQUIRE(fixture.NewLinks() == 1);
  fixture.matches.clear();
  // The same audio leaves once more: it cannot have entered before.
  fixture.Pass(fixture.out, 7, 2, time_ns + 3 * kSecondNs);
  fixture.now_ns += 3 * kSecondNs;
  fixture.DecideLater();
  CHECK(fixture.NewLinks() == 0);
}

TEST_CASE("What TCP holds back behind a lost segment is linked, however long that takes") {
  Fixture fixture;
  fixture.LockPair(fixture.in, fixture.out);
  const int64_t time_ns = fixture.now_ns;
  const auto enter = [&](uint64_t signature, uint32_t position, int64_t after_ns) {
    fixture.See(fixture.in.source_container, signature, position, time_ns + position);
    fixture.See(fixture.in.destination_container, signature, position, time_ns + after_ns);
  };
  // The first is sent again after a timeout; what follows it waits in the receiver, so long that
  // what comes after all that is linked before.
  fixture.Pass(fixture.in, 10, 5130, time_ns + 900 * kMillisecondNs);
  fixture.Pass(fixture.out, 10, 9130, time_ns + 941 * kMillisecondNs);
  enter(7, 5100, 800 * kMillisecondNs);
  enter(8, 5110, kMillisecondNs);
  enter(9, 5120, 2 * kMillisecondNs);
  for (uint32_t i = 0; i < 3; ++i) {
    fixture.Pass(fixture.out, 7 + i, 9100 + 10 * i,
                 time_ns + 840 * kMillisecondNs + i * kMillisecondNs);
  }
  fixture.now_ns += 1800 * kMillisecondNs;
  fixture.Decide();
  CHECK(fixture.NewLinks() == 4);
  CHECK(fixture.matcher.counters().collisions == 0);
}

TEST_CASE("A repeated piece is not taken for its earlier self that others have overtaken") {
  Fixture fixture;
  fixture.LockPair(fixture.in, fixture.out);
  const int64_t time_ns = fixture.now_ns;
  // Of the earlier one what left was not seen, of the later one what entered.
  fixture.Pass(fixture.in, 7, 6000, time_ns);
  fixture.Pass(fixture.in, 8, 7000, time_ns + 500 * kMillisecondNs);
  fixture.Pass(fixture.out, 8, 9100, time_ns + 541 * kMillisecondNs);
  fixture.Pass(fixture.out, 7, 9200, time_ns + 900 * kMillisecondNs);
  fixture.now_ns += 1500 * kMillisecondNs;
  fixture.Decide();
  fixture.DecideLater();
  CHECK(fixture.NewLinks() == 1);
  CHECK(fixture.matcher.counters().collisions == 1);
}

TEST_CASE("A processor that takes seconds is linked when its audio leaves") {
  Fixture fixture;
  fixture.LockPair(fixture.in, fixture.out);
  const int64_t time_ns = fixture.now_ns;
  fixture.Pass(fixture.in, 7, 1, time_ns);
  REQUIRE(fixture.DecideLater().size() == 1);
  fixture.matches.clear();
  fixture.now_ns = time_ns + 5 * kSecondNs;
  fixture.Pass(fixture.out, 7, 1, fixture.now_ns);
  REQUIRE(fixture.DecideLater().size() == 1);
  const Match& match = fixture.matches[0];
  REQUIRE(match.passages.size() == 2);
  CHECK(match.passages[0].transit_reported);
  CHECK_FALSE(match.passages[1].transit_reported);
  CHECK(match.passages[1].predecessor == 0);
  CHECK_FALSE(match.passages[1].link_reported);
}

TEST_CASE("Audio that leaves before it entered, or after the window, is not linked") {
  MatcherOptions options;
  options.decision.window_ns = 2 * kSecondNs;
  Fixture fixture(options);
  fixture.LockPair(fixture.in, fixture.out);
  fixture.Pass(fixture.out, 7, 1, fixture.now_ns);
  fixture.Pass(fixture.in, 7, 1, fixture.now_ns + 100 * kMillisecondNs);
  fixture.Pass(fixture.in, 8, 2, fixture.now_ns);
  fixture.DecideLater();
  fixture.now_ns += 1500 * kMillisecondNs;
  fixture.Pass(fixture.out, 8, 2, fixture.now_ns);
  fixture.DecideLater();
  CHECK(fixture.NewLinks() == 0);
}

TEST_CASE("What is older than the window, or of the future, is dropped and counted") {
  Fixture fixture;
  fixture.See(fixture.in.source_container, 7, 1, kStartNs - 11 * kSecondNs);
  fixture.See(fixture.in.destination_container, 7, 1, kStartNs - 11 * kSecondNs);
  fixture.See(fixture.in.source_container, 8, 1, kStartNs + 3 * kSecondNs);
  fixture.See(fixture.in.destination_container, 8, 1, kStartNs + 3 * kSecondNs);
  CHECK(fixture.DecideLater().empty());
  CHECK(fixture.matcher.counters().too_late == 2);
  CHECK(fixture.matcher.counters().out_of_range == 2);
  CHECK(fixture.matcher.counters().late == 0);
  CHECK(fixture.matcher.counters().live_observations == 0);
}

TEST_CASE("Every observation is decided, dropped and counted, or waits") {
  Fixture fixture;
  const auto waiting = [&] {
    const MatchingCounters& counters = fixture.matcher.counters();
    return counters.observations - counters.too_late - counters.out_of_range -
           counters.matched_observations - counters.unmatched_observations -
           counters.flooded_observations;
  };
  fixture.Pass(fixture.in, 7, 1, kStartNs);
  fixture.Pass(fixture.in, 8, 2, kStartNs);
  fixture.See(fixture.in.source_container, 9, 3, kStartNs);
  fixture.See(fixture.in.source_container, 10, 4, kStartNs - 11 * kSecondNs);
  CHECK(waiting() == 9);
  fixture.DecideLater();
  CHECK(waiting() == 0);
  CHECK(fixture.matcher.counters().matched_observations == 8);
  CHECK(fixture.matcher.counters().unmatched_observations == 1);
  fixture.matches.clear();
  // A thread that stood still for longer than the window finds them too old.
  fixture.Pass(fixture.in, 11, 5, fixture.now_ns);
  fixture.now_ns += 30 * kSecondNs;
  fixture.See(fixture.in.source_container, 12, 6, fixture.now_ns);
  CHECK(fixture.DecideLater().empty());
  CHECK(fixture.matcher.counters().too_late == 1 + 4);
  fixture.DecideLater();
  CHECK(waiting() == 0);
}

TEST_CASE("A flood of one signature is a collision, and costs no more than one look") {
  Fixture fixture;
  for (uint32_t i = 0; i < 20'000; ++i) {
    fixture.See(fixture.in.source_container, 7, i, kStartNs + i);
    fixture.See(fixture.out.source_container, 7, i, kStartNs + i);
  }
  fixture.See(fixture.in.source_container, 8, 1, kStartNs);
  fixture.See(fixture.in.destination_container, 8, 1, kStartNs);
  CHECK(fixture.DecideLater().size() == 1);
  CHECK(fixture.matcher.counters().collisions == 1);
}

TEST_CASE("Undecided observations that the ring overwrites are counted") {
  MatcherOptions options;
  options.table_events = 1024;
  Fixture fixture(options);
  for (uint32_t i = 0; i < 3000; ++i) {
    fixture.See(fixture.in.source_container, i / 100, i, kStartNs);
  }
  CHECK(fixture.matcher.counters().overwritten == 3000 - 1024);
  CHECK(fixture.matcher.counters().live_observations == 1024);
}

}  // namespace
}  // namespace audio_latency::correlator
