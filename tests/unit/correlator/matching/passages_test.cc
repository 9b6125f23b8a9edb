#include "correlator/matching/passages.h"

#include <catch2/catch.hpp>
#include <optional>

#include "correlator/matching/observation_log.h"
#include "tests/unit/correlator/testing/cluster.h"

namespace audio_latency::correlator {
namespace {

using testing::Cluster;
using testing::ConversationFlows;

class Fixture {
 public:
  Fixture() {
    cluster.AddPod("a", "caller", "node-a");
    cluster.AddPod("b", "called", "node-b");
    cluster.AddPod("c", "neighbour", "node-a");
    for (const char* stranger : {"stranger-a", "stranger-b", "stranger-c"}) {
      cluster.AddPod(stranger, stranger, "");
    }
    flows = cluster.AddConversation("a", "b");
  }

  void See(FlowId flow, int64_t time_ns, uint32_t position = 1, uint32_t flags = 0) {
    observations.push_back({.sequence = observations.size() + 1,
                            .time_ns = time_ns,
                            .flow = flow,
                            .position = position,
                            .flags = flags,
                            .link = 0,
                            .record = &cluster.flows().Record(flow)});
    if (observations.back().record->direction == Direction::kUnknown) {
      homes.Note(*observations.back().record);
    }
  }
  const std::vector<PiecePassage>& Build() {
    passages.clear();
    BuildPassages(cluster.flows(), homes, &observations, &passages);
    return passages;
  }
  const PiecePassage& BuildOne() {
    REQUIRE(Build().size() == 1);
    return passages[0];
  }

  Cluster cluster;
  EndpointHomes homes;
  ConversationFlows flows;
  std::vector<PieceObservation> observations;
  std::vector<PiecePassage> passages;
};

TEST_CASE("A passage goes from the source's outermost point to the destination's") {
  Fixture fixture;
  fixture.See(fixture.flows.destination_uplink, 300);
  fixture.See(fixture.flows.source_uplink, 110);
  fixture.See(fixture.flows.destination_container, 310);
  fixture.See(fixture.flows.source_container, 100);
  const PiecePassage& passage = fixture.BuildOne();
  CHECK(passage.first.flow == fixture.flows.source_container);
  CHECK(passage.last.flow == fixture.flows.destination_container);
  CHECK(passage.first.time_ns == 100);
  CHECK(passage.last.time_ns == 310);
  CHECK(passage.source_seen);
  CHECK(passage.destination_seen);
}

TEST_CASE("Across nodes the order is that of the way, even against the clocks") {
  Fixture fixture;
  fixture.See(fixture.flows.source_container, 1000);
  fixture.See(fixture.flows.destination_uplink, 900);
  const PiecePassage& passage = fixture.BuildOne();
  CHECK(passage.first.flow == fixture.flows.source_container);
  CHECK(passage.last.flow == fixture.flows.destination_uplink);
}

TEST_CASE("The uplinks alone tell the direction, too") {
  Fixture fixture;
  fixture.See(fixture.flows.destination_uplink, 900);
  fixture.See(fixture.flows.source_uplink, 1000);
  const PiecePassage& passage = fixture.BuildOne();
  CHECK(passage.first.flow == fixture.flows.source_uplink);
  CHECK(passage.last.flow == fixture.flows.destination_uplink);
  CHECK(passage.source_seen);
  CHECK(passage.destination_seen);
}

TEST_CASE("A piece that is sent again in a later round is a passage of its own") {
  constexpr int64_t kSecondNs = 1'000'000'000;
  constexpr int64_t kMillisecondNs = 1'000'000;
  Fixture fixture;
  const auto leave = [&](int64_t time_ns) { fixture.See(fixture.flows.source_container, time_ns); };
  const auto arrive = [&](int64_t time_ns) {
    fixture.See(fixture.flows.destination_uplink, time_ns);
  };
  leave(kSecondNs);
  leave(kSecondNs + kMillisecondNs);  // the packet came twice
  leave(7 * kSecondNs);
  SECTION("the first did not arrive") {
    arrive(7 * kSecondNs + 2 * kMillisecondNs);
    const std::vector<PiecePassage>& passages = fixture.Build();
    REQUIRE(passages.size() == 2);
    CHECK_FALSE(passages[0].destination_seen);
    CHECK(passages[1].first.time_ns == 7 * kSecondNs);
    CHECK(passages[1].last.time_ns == 7 * kSecondNs + 2 * kMillisecondNs);
  }
  SECTION("both did, by a clock that is behind") {
    arrive(kSecondNs - 100);
    arrive(7 * kSecondNs - 100);
    const std::vector<PiecePassage>& passages = fixture.Build();
    REQUIRE(passages.size() == 2);
    for (const PiecePassage& passage : passages) {
      CHECK(passage.last.time_ns - passage.first.time_ns == -100);
    }
  }
}

TEST_CASE("One side's extra points are no hop") {
  Fixture fixture;
  SECTION("source") {
    fixture.See(fixture.flows.source_container, 100);
    fixture.See(fixture.flows.source_uplink, 110);
    const PiecePassage& passage = fixture.BuildOne();
    CHECK(passage.first.flow == fixture.flows.source_container);
    CHECK(passage.last.flow == passage.first.flow);
    CHECK(passage.source_seen);
    CHECK_FALSE(passage.destination_seen);
  }
  SECTION("destination") {
    fixture.See(fixture.flows.destination_uplink, 300);
    fixture.See(fixture.flows.destination_container, 310);
    const PiecePassage& passage = fixture.BuildOne();
    CHECK(passage.first.flow == fixture.flows.destination_container);
    CHECK(passage.last.flow == passage.first.flow);
    CHECK_FALSE(passage.source_seen);
    CHECK(passage.destination_seen);
  }
}

TEST_CASE("Between pods of one node the way is from container to container") {
  Fixture fixture;
  const ConversationFlows local = fixture.cluster.AddConversation("a", "c");
  fixture.See(local.destination_container, 130);
  fixture.See(local.source_container, 100);
  const PiecePassage& passage = fixture.BuildOne();
  CHECK(passage.first.flow == local.source_container);
  CHECK(passage.last.flow == local.destination_container);
  CHECK(passage.source_seen);
  CHECK(passage.destination_seen);
}

TEST_CASE(
    "Where no direction is known the first sight is the source's, the last the destination's") {
  Fixture fixture;
  const FlowId near = fixture.cluster.AddUndirected(fixture.flows, "near.pcap");
  const FlowId middle = fixture.cluster.AddUndirected(fixture.flows, "middle.pcap");
  const FlowId far = fixture.cluster.AddUndirected(fixture.flows, "far.pcap");
  fixture.See(far, 300);
  fixture.See(middle, 200);
  fixture.See(near, 100);
  const PiecePassage& passage = fixture.BuildOne();
  CHECK(passage.first.flow == near);
  CHECK(passage.last.flow == far);
  CHECK(passage.source_seen);
  CHECK(passage.destination_seen);
}

TEST_CASE("Without directions a relay's side is taken from its home, whatever the clocks say") {
  Fixture fixture;
  const ConversationFlows onward = fixture.cluster.AddConversation("stranger-b", "stranger-c");
  const ConversationFlows inward = fixture.cluster.AddConversation("stranger-a", "stranger-b");
  const FlowId in_at_a = fixture.cluster.AddUndirected(inward, "a.pcap");
  const FlowId in_at_b = fixture.cluster.AddUndirected(inward, "b.pcap");
  const FlowId out_at_b = fixture.cluster.AddUndirected(onward, "b.pcap");
  const FlowId out_at_c = fixture.cluster.AddUndirected(onward, "c.pcap");
  // b's clock is behind by 200, or ahead by as much.
  const int64_t offset_ns = GENERATE(-200, 200);
  fixture.See(in_at_a, 1000);
  fixture.See(in_at_b, 1010 + offset_ns);
  fixture.See(out_at_b, 1050 + offset_ns);
  fixture.See(out_at_c, 1060);
  for (const PiecePassage& passage : fixture.Build()) {
    CAPTURE(offset_ns, passage.first.flow);
    const bool is_inward = fixture.observations[passage.begin].flow == in_at_a ||
                           fixture.observations[passage.begin].flow == in_at_b;
    CHECK(passage.first.flow == (is_inward ? in_at_a : out_at_b));
    CHECK(passage.last.flow == (is_inward ? in_at_b : out_at_c));
    CHECK_FALSE(passage.is_placed_by_time);
  }
  CHECK(fixture.passages.size() == 2);
}

TEST_CASE("One conversation alone tells no homes, and the passage says so") {
  Fixture fixture;
  const ConversationFlows only = fixture.cluster.AddConversation("stranger-a", "stranger-b");
  fixture.See(fixture.cluster.AddUndirected(only, "b.pcap"), 900);
  fixture.See(fixture.cluster.AddUndirected(only, "a.pcap"), 1000);
  CHECK(fixture.BuildOne().is_placed_by_time);
}

TEST_CASE("A home is where an endpoint was seen with the most others, two at least") {
  EndpointHomes homes;
  const auto note = [&](NodeId node, EndpointId source, EndpointId destination) {
    homes.Note({.source = source, .destination = destination, .node = node});
  };
  note(1, 10, 11);
  note(2, 10, 11);
  CHECK_FALSE(homes.MayBeHome(11, 2));
  note(2, 11, 10);  // the same pair the other way round
  CHECK_FALSE(homes.MayBeHome(11, 2));
  note(2, 11, 12);
  CHECK(homes.MayBeHome(11, 2));
  CHECK_FALSE(homes.MayBeHome(11, 1));
  CHECK_FALSE(homes.MayBeHome(10, 1));
  note(2, 11, 11);  // with itself
  note(1, 12, 11);
  // A router's capture, say: either may be it.
  CHECK(homes.MayBeHome(11, 1));
  CHECK(homes.MayBeHome(11, 2));
  note(2, 13, 11);
  CHECK_FALSE(homes.MayBeHome(11, 1));
}

TEST_CASE("What is learned of homes is bounded") {
  EndpointHomes homes;
  for (EndpointId peer = 1; peer <= EndpointHomes::kMaxPairs; ++peer) {
    homes.Note({.source = 0, .destination = peer, .node = 1});
  }
  homes.Note({.source = 1'000'000, .destination = 1'000'001, .node = 2});
  homes.Note({.source = 1'000'000, .destination = 1'000'002, .node = 2});
  CHECK(homes.MayBeHome(0, 1));
  CHECK_FALSE(homes.MayBeHome(1'000'000, 2));
}

TEST_CASE("One sight without direction stands for both ends") {
  Fixture fixture;
  const FlowId only = fixture.cluster.AddUndirected(fixture.flows, "relay.pcap");
  fixture.See(only, 100);
  const PiecePassage& passage = fixture.BuildOne();
  CHECK(passage.first.flow == only);
  CHECK(passage.last.flow == only);
  CHECK(passage.source_seen);
  CHECK(passage.destination_seen);
}

TEST_CASE("A known side goes before a sight without direction, which may be the other side") {
  Fixture fixture;
  const FlowId undirected = fixture.cluster.AddUndirected(fixture.flows, "tap.pcap");
  SECTION("as the destination") {
    fixture.See(undirected, 50);
    fixture.See(fixture.flows.source_container, 100);
    const PiecePassage& passage = fixture.BuildOne();
    CHECK(passage.first.flow == fixture.flows.source_container);
    CHECK(passage.last.flow == undirected);
    CHECK(passage.destination_seen);
  }
  SECTION("as the source") {
    fixture.See(undirected, 50);
    fixture.See(fixture.flows.destination_uplink, 100);
    const PiecePassage& passage = fixture.BuildOne();
    CHECK(passage.first.flow == undirected);
    CHECK(passage.last.flow == fixture.flows.destination_uplink);
    CHECK(passage.source_seen);
  }
}

// A gateway node that forwards: in by its uplink, out by its uplink.
struct Gateway {
  explicit Gateway(Fixture* fixture) {
    FlowDescription flow = fixture->cluster.flows().Description(fixture->flows.source_uplink);
    flow.node = *fixture->cluster.flows().InternNode("gateway");
    flow.direction = Direction::kIngress;
    in = *fixture->cluster.flows().Add(flow, 0);
    flow.direction = Direction::kEgress;
    out = *fixture->cluster.flows().Add(flow, 0);
  }
  FlowId in;
  FlowId out;
};

TEST_CASE("A node that forwards is neither end") {
  Fixture fixture;
  const Gateway gateway(&fixture);
  fixture.See(gateway.in, 200);
  fixture.See(gateway.out, 210);
  SECTION("both ends seen") {
    fixture.See(fixture.flows.source_uplink, 205);  // by a clock that is wrong
    fixture.See(fixture.flows.destination_uplink, 202);
    const PiecePassage& passage = fixture.BuildOne();
    CHECK(passage.first.flow == fixture.flows.source_uplink);
    CHECK(passage.last.flow == fixture.flows.destination_uplink);
  }
  SECTION("the destination lost") {
    fixture.See(fixture.flows.source_container, 100);
    const PiecePassage& passage = fixture.BuildOne();
    CHECK(passage.first.flow == fixture.flows.source_container);
    CHECK(passage.last.flow == passage.first.flow);
    CHECK_FALSE(passage.destination_seen);
  }
  SECTION("the source lost") {
    fixture.See(fixture.flows.destination_container, 300);
    const PiecePassage& passage = fixture.BuildOne();
    CHECK(passage.last.flow == fixture.flows.destination_container);
    CHECK(passage.first.flow == passage.last.flow);
    CHECK_FALSE(passage.source_seen);
  }
}

// A conversation within node-a, seen by no container's interface.
struct WithinNode {
  explicit WithinNode(Fixture* fixture, const std::string& out_name = "lo",
                      const std::string& in_name = "lo") {
    FlowDescription flow;
    flow.node = *fixture->cluster.flows().InternNode("node-a");
    flow.source = *IpAddress::Parse("127.0.0.1");
    flow.destination = *IpAddress::Parse("127.0.0.1");
    flow.source_port = 40000;
    flow.destination_port = 9000;
    flow.transport = 6;
    flow.interface_name = out_name;
    flow.direction = Direction::kEgress;
    out = *fixture->cluster.flows().Add(flow, 0);
    flow.interface_name = in_name;
    flow.direction = Direction::kIngress;
    in = *fixture->cluster.flows().Add(flow, 0);
  }
  FlowId out;
  FlowId in;
};

TEST_CASE("Out of an interface and in by the same one again is a transit, as on lo") {
  Fixture fixture;
  const WithinNode loopback(&fixture);
  fixture.See(loopback.in, 105);
  fixture.See(loopback.out, 100);
  const PiecePassage& passage = fixture.BuildOne();
  CHECK(passage.first.flow == loopback.out);
  CHECK(passage.last.flow == loopback.in);
  CHECK(passage.first.time_ns == 100);
  CHECK(passage.last.time_ns == 105);
  CHECK(passage.source_seen);
  CHECK(passage.destination_seen);
}

TEST_CASE("Out of one interface and in by another is a transit, too") {
  Fixture fixture;
  const WithinNode hairpin(&fixture, "eth0", "eth1");
  fixture.See(hairpin.out, 100);
  fixture.See(hairpin.in, 300);
  const PiecePassage& passage = fixture.BuildOne();
  CHECK(passage.first.flow == hairpin.out);
  CHECK(passage.last.flow == hairpin.in);
}

TEST_CASE("One sight on lo is no transit") {
  Fixture fixture;
  const WithinNode loopback(&fixture);
  fixture.See(loopback.out, 100);
  const PiecePassage& passage = fixture.BuildOne();
  CHECK(passage.first.flow == passage.last.flow);
  CHECK(passage.source_seen);
  CHECK_FALSE(passage.destination_seen);
}

TEST_CASE("In first and out of the same interface is forwarded, no end and no transit") {
  Fixture fixture;
  const WithinNode router(&fixture, "eth0", "eth0");
  fixture.See(router.in, 100);
  fixture.See(router.out, 105);
  const PiecePassage& passage = fixture.BuildOne();
  CHECK(passage.first.flow == passage.last.flow);
  CHECK_FALSE(passage.source_seen);
  CHECK_FALSE(passage.destination_seen);
}

TEST_CASE("Seen again at the same point, the earliest counts") {
  Fixture fixture;
  fixture.See(fixture.flows.source_container, 100);
  fixture.See(fixture.flows.destination_container, 500);
  fixture.See(fixture.flows.destination_container, 300);
  CHECK(fixture.BuildOne().last.time_ns == 300);
}

TEST_CASE("Positions and conversations are passages of their own") {
  Fixture fixture;
  const ConversationFlows other = fixture.cluster.AddConversation("b", "a");
  fixture.See(fixture.flows.source_container, 100, 1);
  fixture.See(fixture.flows.source_container, 200, 2);
  fixture.See(other.source_container, 300, 1);
  CHECK(fixture.Build().size() == 3);
}

TEST_CASE("What earlier decisions said is kept with the passage") {
  Fixture fixture;
  fixture.See(fixture.flows.source_container, 100, 1,
              kLogDecided | kLogTransitReported | kLogLinked | kLogLinkedByLock);
  CHECK_FALSE(fixture.BuildOne().is_fresh);
  fixture.See(fixture.flows.destination_container, 200);
  const PiecePassage& passage = fixture.BuildOne();
  CHECK(passage.is_fresh);
  CHECK(passage.transit_reported);
  CHECK(passage.linked);
  CHECK(passage.decision == Decision::kLock);
}

}  // namespace
}  // namespace audio_latency::correlator
