#include "correlator/paths/path_aggregator.h"

#include <catch2/catch.hpp>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/correlator/testing/cluster.h"

namespace audio_latency::correlator {
namespace {

using testing::Cluster;
using testing::ConversationFlows;

constexpr int64_t kMillisecondNs = 1'000'000;
constexpr int64_t kSecondNs = 1'000'000'000;

// Three workloads on three nodes: ingress > processor > egress, with 1 ms of network and 40 ms
// inside.
class Fixture {
 public:
  explicit Fixture(size_t max_series = 100) : aggregator(MakeCluster(), &clock_errors, max_series) {
    in = cluster.AddConversation("ingress-1", "processor-1");
    out = cluster.AddConversation("processor-1", "egress-1");
    clock_errors.Set(in.source_node, 10'000);
    clock_errors.Set(in.destination_node, 20'000);
    clock_errors.Set(out.destination_node, 40'000);
  }

  Passage First(const ConversationFlows& flows) const {
    return Make(flows, now_ns, now_ns + kMillisecondNs);
  }
  Passage Second(const ConversationFlows& flows) const {
    Passage passage = Make(flows, now_ns + 41 * kMillisecondNs, now_ns + 42 * kMillisecondNs);
    passage.predecessor = 0;
    passage.decision = Decision::kUnique;
    return passage;
  }
  void Take(std::vector<Passage> passages) {
    aggregator.Take(std::make_shared<const std::vector<Match>>(
                        1, Match{.signature = ++signature, .passages = std::move(passages)}),
                    now_ns);
    aggregator.Tick(now_ns);
  }
  // Whole pieces of audio, one every 20 ms.
  void Play(const ConversationFlows& into, const ConversationFlows& out_of, int64_t seconds) {
    for (int64_t i = 0; i < seconds * 50; ++i) {
      Take({First(into), Second(out_of)});
      now_ns += 20 * kMillisecondNs;
    }
  }
  std::vector<PathSnapshot> Paths() const {
    return aggregator.State(now_ns, 7 * kSecondNs)->paths[0];
  }
  std::vector<HopSnapshot> Hops() const { return aggregator.State(now_ns, 0)->hops[0]; }
  double Drop(const std::string& name) const {
    const auto state = aggregator.State(now_ns, 0);
    for (const auto& [drop, count] : state->drops) {
      if (drop == name) {
        return count;
      }
    }
    return -1;
  }

  Cluster cluster;
  ClockErrorBoard clock_errors;
  ConversationFlows in;
  ConversationFlows out;
  int64_t now_ns = 1000 * kSecondNs;
  uint64_t signature = 0;
  PathAggregator aggregator;

 private:
  const FlowRegistry* MakeCluster() {
    cluster.AddPod("ingress-1", "ingress", "node-a");
    cluster.AddPod("ingress-2", "ingress", "node-a");
    cluster.AddPod("processor-1", "processor", "node-b");
    cluster.AddPod("egress-1", "egress", "node-c");
    cluster.AddPod("recorder-1", "recorder", "node-c");
    return &cluster.flows();
  }
  static Passage Make(const ConversationFlows& flows, int64_t first_ns, int64_t last_ns) {
    Passage passage;
    passage.conversation = flows.conversation;
    passage.first = {.flow = flows.source_container, .time_ns = first_ns};
    passage.last = {.flow = flows.destination_container, .time_ns = last_ns};
    passage.source_seen = true;
    passage.destination_seen = true;
    return passage;
  }
};

TEST_CASE("A path is told with its hops, delays, bounds and coverage") {
  Fixture fixture;
  fixture.Play(fixture.in, fixture.out, 5);
  fixture.aggregator.Tick(fixture.now_ns);
  const std::vector<PathSnapshot> paths = fixture.Paths();
  REQUIRE(paths.size() == 1);
  const PathSnapshot& path = paths[0];
  CHECK(path.path == "ingress > processor > egress");
  CHECK(path.delay.count == 250);
  CHECK(path.delay.p50_seconds == Approx(0.042).epsilon(0.01));
  CHECK(path.delay.max_seconds == Approx(0.042));
  CHECK(path.delay.error_bound_seconds == Approx(50.128e-6));
  CHECK(path.coverage == 1);
  CHECK(path.last_seen_unix_ns ==
        fixture.now_ns - 20 * kMillisecondNs + 42 * kMillisecondNs + 7 * kSecondNs);
  REQUIRE(path.hops.size() == 3);
  CHECK(path.hops[0].kind == HopKind::kTransit);
  CHECK(path.hops[0].source.pod == "ingress-1");
  CHECK(path.hops[0].destination.pod == "processor-1");
  CHECK(path.hops[0].delay.max_seconds == Approx(0.001));
  CHECK(path.hops[0].delay.error_bound_seconds == Approx(30.128e-6));
  CHECK(path.hops[1].kind == HopKind::kProcessing);
  CHECK(path.hops[1].source.pod == "processor-1");
  CHECK(path.hops[1].destination.pod == "processor-1");
  CHECK(path.hops[1].delay.max_seconds == Approx(0.040));
  // One node's clock: its rounding only.
  CHECK(path.hops[1].delay.error_bound_seconds < 3e-6);
  CHECK(path.hops[2].delay.count == 250);

  const std::vector<HopSnapshot> hops = fixture.Hops();
  REQUIRE(hops.size() == 3);
  for (const HopSnapshot& hop : hops) {
    CHECK(hop.delay.count == 250);
  }
}

TEST_CASE("Neither a beginning nor an end of a longer path is told as a path") {
  Fixture fixture;
  // The pair is not linked yet at the start of the call.
  for (int i = 0; i < 10; ++i) {
    fixture.Take({fixture.First(fixture.in)});
    fixture.Take({fixture.First(fixture.out)});
    fixture.now_ns += 20 * kMillisecondNs;
  }
  fixture.Play(fixture.in, fixture.out, 3);
  // Pieces of which the other half was lost, or held back as silence.
  fixture.Take({fixture.First(fixture.in)});
  fixture.Take({fixture.First(fixture.out)});
  fixture.now_ns += 2 * kSecondNs;
  fixture.Take({fixture.First(fixture.in)});
  const std::vector<PathSnapshot> paths = fixture.Paths();
  REQUIRE(paths.size() == 1);
  CHECK(paths[0].path == "ingress > processor > egress");
  CHECK(paths[0].delay.count == 150);
  CHECK(fixture.Drop("incomplete_path") == 23);
  // The hops are facts all the same.
  CHECK(fixture.Hops()[0].delay.count == 162);
}

TEST_CASE("A path of one hop is told when nothing continues it") {
  Fixture fixture;
  for (int i = 0; i < 100; ++i) {
    fixture.Take({fixture.First(fixture.in)});
    fixture.now_ns += 20 * kMillisecondNs;
  }
  fixture.now_ns += kSecondNs;
  fixture.aggregator.Tick(fixture.now_ns);
  REQUIRE(fixture.Paths().size() == 1);
  CHECK(fixture.Paths()[0].path == "ingress > processor");
  CHECK(fixture.Paths()[0].delay.count == 100);
  CHECK(fixture.Paths()[0].hops.size() == 1);
}

TEST_CASE("A new call is judged by what its workloads' other calls did") {
  Fixture fixture;
  fixture.Play(fixture.in, fixture.out, 3);
  // A second call, through a processor that takes seconds this time.
  const ConversationFlows in = fixture.cluster.AddConversation("ingress-2", "processor-1");
  for (int i = 0; i < 200; ++i) {
    fixture.Take({fixture.First(in)});
    fixture.now_ns += 20 * kMillisecondNs;
  }
  REQUIRE(fixture.Paths().size() == 1);
  // When nothing came of it for long, it does end there.
  for (int i = 0; i < 500; ++i) {
    fixture.Take({fixture.First(in)});
    fixture.now_ns += 20 * kMillisecondNs;
  }
  CHECK(fixture.Paths().size() == 2);
}

TEST_CASE("What was told before is not told again") {
  Fixture fixture;
  fixture.Play(fixture.in, fixture.out, 3);
  Passage first = fixture.First(fixture.in);
  Passage second = fixture.Second(fixture.out);
  fixture.Take({first, second});
  const double count = fixture.Paths()[0].delay.count;
  first.transit_reported = true;
  second.transit_reported = true;
  second.link_reported = true;
  fixture.Take({first, second});
  CHECK(fixture.Paths()[0].delay.count == count);
  CHECK(fixture.Hops()[0].delay.count == count);
  // A slow processor: the network's part was told before, the path is new.
  second.transit_reported = false;
  second.link_reported = false;
  fixture.Take({first, second});
  CHECK(fixture.Paths()[0].delay.count == count + 1);
}

TEST_CASE("A path without its first or last point is incomplete; a hop needs both its ends") {
  Fixture fixture;
  fixture.Play(fixture.in, fixture.out, 3);
  const double paths = fixture.Paths()[0].delay.count;
  Passage first = fixture.First(fixture.in);
  Passage second = fixture.Second(fixture.out);
  SECTION("the origin was not seen at its source") {
    first.source_seen = false;
    first.first = first.last;
    fixture.Take({first, second});
    CHECK(fixture.Paths()[0].delay.count == paths);
    CHECK(fixture.Drop("incomplete_path") == 1);
  }
  SECTION("the end was not seen at its destination") {
    second.destination_seen = false;
    second.last = second.first;
    fixture.Take({first, second});
    CHECK(fixture.Paths()[0].delay.count == paths);
    CHECK(fixture.Drop("incomplete_path") == 1);
  }
  SECTION("the middle was not seen: the path is known, the hops are not") {
    first.destination_seen = false;
    first.last = first.first;
    second.source_seen = false;
    second.first = second.last;
    fixture.Take({first, second});
    CHECK(fixture.Paths()[0].delay.count == paths + 1);
    CHECK(fixture.Paths()[0].delay.max_seconds == Approx(0.042));
    const PathSnapshot path = fixture.Paths()[0];
    for (const HopSnapshot& hop : path.hops) {
      CHECK(hop.delay.count == paths);
    }
  }
}

TEST_CASE("Fan-out is a path to each end") {
  Fixture fixture;
  const ConversationFlows copy = fixture.cluster.AddConversation("processor-1", "recorder-1");
  for (int i = 0; i < 150; ++i) {
    fixture.Take({fixture.First(fixture.in), fixture.Second(fixture.out), fixture.Second(copy)});
    fixture.now_ns += 20 * kMillisecondNs;
  }
  const std::vector<PathSnapshot> paths = fixture.Paths();
  REQUIRE(paths.size() == 2);
  CHECK(paths[0].path != paths[1].path);
  for (const PathSnapshot& path : paths) {
    CHECK((path.path == "ingress > processor > egress" ||
           path.path == "ingress > processor > recorder"));
  }
  // The hop that both share is one.
  CHECK(fixture.Hops().size() == 4);
}

TEST_CASE("Pods of one workload share a path, which then names no pod") {
  Fixture fixture;
  const ConversationFlows other = fixture.cluster.AddConversation("ingress-2", "processor-1");
  fixture.Play(fixture.in, fixture.out, 2);
  fixture.Play(other, fixture.out, 2);
  REQUIRE(fixture.Paths().size() == 1);
  const HopSnapshot hop = fixture.Paths()[0].hops[0];
  CHECK(hop.source.pod.empty());
  CHECK(hop.source.workload == "ingress");
  CHECK(hop.source.namespace_name == "voice");
  CHECK(hop.destination.pod == "processor-1");
  CHECK(fixture.Hops().size() == 4);
}

TEST_CASE("Coverage is the share of seconds with a sample") {
  Fixture fixture;
  fixture.Play(fixture.in, fixture.out, 4);
  fixture.now_ns += 4 * kSecondNs;
  fixture.Play(fixture.in, fixture.out, 2);
  // The audio of a second arrives 42 ms later: 5 and 3 seconds of 11.
  CHECK(fixture.Paths()[0].coverage == Approx(8.0 / 11));
}

TEST_CASE("Negative delays are counted, not clamped") {
  Fixture fixture;
  Passage passage = fixture.First(fixture.in);
  passage.last.time_ns = passage.first.time_ns - 5'000;
  fixture.Take({passage});
  const DelaySnapshot delay = fixture.Hops()[0].delay;
  CHECK(delay.negative_count == 1);
  CHECK(delay.min_seconds == Approx(-5e-6));
}

TEST_CASE("Series are bounded: what finds no room is called other, and counted") {
  Fixture fixture(/*max_series=*/1);
  fixture.Play(fixture.in, fixture.out, 2);
  CHECK(fixture.Hops().size() == 3);  // one, other transit, other processing
  int others = 0;
  for (const HopSnapshot& hop : fixture.Hops()) {
    others += hop.source.pod == "other";
  }
  CHECK(others == 2);
  CHECK(fixture.Drop("hop_series_full") == 200);
  const ConversationFlows alone = fixture.cluster.AddConversation("egress-1", "recorder-1");
  for (int i = 0; i < 100; ++i) {
    fixture.Take({fixture.First(alone)});
    fixture.now_ns += 20 * kMillisecondNs;
  }
  fixture.now_ns += kSecondNs;
  fixture.aggregator.Tick(fixture.now_ns);
  REQUIRE(fixture.Paths().size() == 2);
  CHECK(fixture.Paths()[1].path == "other");
  CHECK(fixture.Drop("path_series_full") > 0);
}

TEST_CASE("A series that got nothing for an hour goes, and comes back") {
  Fixture fixture;
  fixture.Play(fixture.in, fixture.out, 3);
  fixture.now_ns += SeriesTable::kIdleNs + 20 * kSecondNs;
  fixture.aggregator.Tick(fixture.now_ns);
  CHECK(fixture.Paths().empty());
  CHECK(fixture.Hops().empty());
  fixture.Play(fixture.in, fixture.out, 3);
  REQUIRE(fixture.Paths().size() == 1);
  CHECK(fixture.Paths()[0].delay.count == 150);
}

}  // namespace
}  // namespace audio_latency::correlator
