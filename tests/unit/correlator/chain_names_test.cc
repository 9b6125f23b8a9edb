// From observations to hops and paths, while names come, go and change.

#include <catch2/catch.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/time/clock.h"
#include "correlator/clock/clock_error_board.h"
#include "correlator/flows/flow_registry.h"
#include "correlator/matching/matcher.h"
#include "correlator/paths/path_aggregator.h"
#include "tests/unit/correlator/testing/changing_directory.h"

namespace audio_latency::correlator {
namespace {

constexpr int64_t kMillisecondNs = 1'000'000;
constexpr int64_t kSecondNs = 1'000'000'000;
constexpr int64_t kStartNs = 9'000 * kSecondNs;
// Unix time is so far ahead.
constexpr int64_t kAheadNs = 1'700'000'000 * kSecondNs;
constexpr int64_t kTransitNs = 2 * kMillisecondNs;
constexpr int64_t kProcessingNs = 40 * kMillisecondNs;
constexpr int64_t kPieceNs = 20 * kMillisecondNs;
constexpr int64_t kTickNs = 100 * kMillisecondNs;

class Chain {
 public:
  FlowId Add(const std::string& node, const std::string& source, const std::string& destination,
             Direction direction) {
    FlowDescription flow;
    flow.node = *flows->InternNode(node);
    flow.interface_name = "veth0";
    flow.interface_role = InterfaceRole::kContainer;
    flow.direction = direction;
    flow.source = *IpAddress::Parse(source);
    flow.destination = *IpAddress::Parse(destination);
    flow.source_port = 40'000;
    flow.destination_port = 5000;
    flow.transport = 17;
    return *flows->Add(flow, clock.NowNs() + kAheadNs);
  }

  // A piece of audio passes the points, each so long after now.
  void Send(const std::vector<std::pair<FlowId, int64_t>>& points) {
    ++piece_;
    for (const auto& [flow, after_ns] : points) {
      waiting_.push_back({.signature = piece_ * 0x9e3779b97f4a7c15ULL,
                          .time_ns = clock.NowNs() + after_ns,
                          .flow = flow,
                          .position = static_cast<uint32_t>(piece_)});
    }
  }

  // Time goes on: what passed is handed on ten times a second, as probes do.
  void Advance(int64_t by_ns) {
    clock.Advance(by_ns);
    if (clock.NowNs() - ticked_ns_ < kTickNs) {
      return;
    }
    ticked_ns_ = clock.NowNs();
    std::vector<Observation> due;
    std::erase_if(waiting_, [&](const Observation& observation) {
      const bool is_due = observation.time_ns < clock.NowNs();
      if (is_due) {
        due.push_back(observation);
      }
      return is_due;
    });
    flows->Refresh(clock.NowNs() + kAheadNs, clock.NowNs());
    matcher.Add(due, clock.NowNs());
    std::vector<Match> matches;
    matcher.Decide(clock.NowNs(), &matches);
    aggregator.Take(std::make_shared<const std::vector<Match>>(std::move(matches)), clock.NowNs());
    aggregator.Tick(clock.NowNs());
  }
  void Finish() {
    for (int i = 0; i < 20; ++i) {
      Advance(kTickNs);
    }
  }

  // "source > destination" of each transit hop and "inside pod" of each other, with its count.
  std::map<std::string, int> Hops() const {
    std::map<std::string, int> hops;
    const auto state = aggregator.State(clock.NowNs(), 0);
    for (const HopSnapshot& hop : state->hops[0]) {
      const auto name = [](const Endpoint& end) {
        return end.pod.empty() ? end.PathName() : end.pod;
      };
      const std::string text = hop.kind == HopKind::kTransit
                                   ? name(hop.source) + " > " + name(hop.destination)
                                   : "inside " + name(hop.source);
      hops[text] += static_cast<int>(hop.delay.count);
      const double truth =
          static_cast<double>(hop.kind == HopKind::kTransit ? kTransitNs : kProcessingNs) * 1e-9;
      CHECK(hop.delay.min_seconds == Approx(truth).margin(2e-6));
      CHECK(hop.delay.max_seconds == Approx(truth).margin(2e-6));
    }
    return hops;
  }

  ManualClock clock{kStartNs};
  testing::ChangingDirectory directory;
  std::unique_ptr<FlowRegistry> flows = FlowRegistry::Create(directory, 100);
  ClockErrorBoard clock_errors;
  Matcher matcher{*flows, MatcherOptions()};
  PathAggregator aggregator{flows.get(), &clock_errors, 100};

 private:
  uint64_t piece_ = 0;
  int64_t ticked_ns_ = 0;
  std::vector<Observation> waiting_;
};

// ingress-1 > relay > egress-1, where the relay has the address 10.0.0.2.
class RelayedCall {
 public:
  RelayedCall() {
    chain.directory.GivePod("10.0.0.1", "ingress-1", "");
    chain.directory.GivePod("10.0.0.3", "egress-1", "");
  }

  void Begin() {
    points_ = {
        {chain.Add("a", "10.0.0.1", "10.0.0.2", Direction::kIngress), 0},
        {chain.Add("b", "10.0.0.1", "10.0.0.2", Direction::kEgress), kTransitNs},
        {chain.Add("b", "10.0.0.2", "10.0.0.3", Direction::kIngress), kTransitNs + kProcessingNs},
        {chain.Add("c", "10.0.0.2", "10.0.0.3", Direction::kEgress),
         2 * kTransitNs + kProcessingNs}};
  }
  // The number of pieces.
  int Speak(int64_t for_ns) {
    int pieces = 0;
    for (int64_t spoken_ns = 0; spoken_ns < for_ns; spoken_ns += kPieceNs) {
      chain.Send(points_);
      ++pieces;
      chain.Advance(kPieceNs);
    }
    return pieces;
  }
  void BeSilent(int64_t for_ns) {
    for (int64_t silent_ns = 0; silent_ns < for_ns; silent_ns += kPieceNs) {
      chain.Advance(kPieceNs);
    }
  }
  int64_t UnixNowNs() const { return chain.clock.NowNs() + kAheadNs; }

  Chain chain;

 private:
  std::vector<std::pair<FlowId, int64_t>> points_;
};

TEST_CASE("An address that another pod gets within 2 s: each piece of audio is the right pod's") {
  RelayedCall call;
  call.chain.directory.GivePod("10.0.0.2", "relay-1", "");
  call.Begin();
  const int before = call.Speak(10 * kSecondNs);
  const int64_t deleted_ns = call.UnixNowNs();
  call.BeSilent(1'500 * kMillisecondNs);
  // The new pod speaks half a second before the watch tells of it, on the same ports.
  const int64_t created_ns = call.UnixNowNs();
  int after = call.Speak(500 * kMillisecondNs);
  call.chain.directory.Take("10.0.0.2", deleted_ns);
  call.chain.directory.GivePod("10.0.0.2", "relay-2", "", created_ns);
  after += call.Speak(kSecondNs);
  // What passed since, but for what is still waited for.
  CHECK(call.chain.Hops()["ingress-1 > relay-2"] > 30);
  after += call.Speak(9 * kSecondNs);
  call.chain.Finish();

  std::map<std::string, int> hops = call.chain.Hops();
  CHECK(hops["ingress-1 > relay-1"] == before);
  CHECK(hops["relay-1 > egress-1"] == before);
  CHECK(hops["ingress-1 > relay-2"] == after);
  CHECK(hops["relay-2 > egress-1"] == after);
  // All but the run that tells which conversation continues which.
  CHECK(hops["inside relay-1"] > before - 10);
  CHECK(hops["inside relay-1"] <= before);
  CHECK(hops["inside relay-2"] > after - 10);
  CHECK(hops["inside relay-2"] <= after);
  CHECK(hops.size() == 6);
  CHECK(call.chain.matcher.counters().collisions == 0);
}

TEST_CASE("A pod's name that comes late is in the answers within a second") {
  RelayedCall call;
  call.Begin();
  const int before = call.Speak(5 * kSecondNs);
  call.chain.directory.GivePod("10.0.0.2", "relay-1", "relay", call.UnixNowNs() - 60 * kSecondNs);
  // Readers see what the aggregator has a quarter of a second later.
  const int after = call.Speak(700 * kMillisecondNs);
  std::map<std::string, int> hops = call.chain.Hops();
  CHECK(hops["ingress-1 > relay-1"] > 0);
  CHECK(hops["inside relay-1"] > 0);
  call.chain.Finish();
  hops = call.chain.Hops();
  // Nothing is under both names.
  CHECK(hops["ingress-1 > relay-1"] + hops["ingress-1 > 10.0.0.2"] == before + after);
  bool has_path = false;
  const auto state = call.chain.aggregator.State(call.chain.clock.NowNs(), 0);
  for (const PathSnapshot& path : state->paths[0]) {
    has_path |= path.path == "ingress-1 > relay > egress-1";
  }
  CHECK(has_path);
}

TEST_CASE("Through a service's address the hop is to the pod behind it") {
  Chain chain;
  chain.directory.GivePod("10.0.0.1", "client-1", "client");
  chain.directory.GiveService("10.96.0.7", "voice-in");
  chain.directory.GivePod("10.0.0.2", "server-1", "server");
  const FlowId at_client = chain.Add("a", "10.0.0.1", "10.96.0.7", Direction::kIngress);
  const FlowId at_server = chain.Add("b", "10.0.0.1", "10.0.0.2", Direction::kEgress);
  constexpr int kPieces = 100;
  for (int i = 0; i < kPieces; ++i) {
    chain.Send({{at_client, 0}, {at_server, kTransitNs}});
    chain.Advance(kPieceNs);
  }
  chain.Finish();
  const std::map<std::string, int> hops = chain.Hops();
  CHECK(hops == std::map<std::string, int>{{"client-1 > server-1", kPieces}});
  const auto state = chain.aggregator.State(chain.clock.NowNs(), 0);
  REQUIRE(state->paths[0].size() == 1);
  CHECK(state->paths[0][0].path == "client > server");
}

TEST_CASE(
    "Hops of a pod that was deleted go after some minutes, those of one that is silent stay") {
  Chain chain;
  chain.directory.GivePod("10.0.0.1", "client-1", "");
  chain.directory.GivePod("10.0.0.2", "deleted-1", "");
  chain.directory.GivePod("10.0.0.3", "silent-1", "");
  std::vector<FlowId> flows;
  for (const char* const server : {"10.0.0.2", "10.0.0.3"}) {
    flows.push_back(chain.Add("a", "10.0.0.1", server, Direction::kIngress));
    flows.push_back(chain.Add("b", "10.0.0.1", server, Direction::kEgress));
  }
  for (int i = 0; i < 100; ++i) {
    chain.Send({{flows[0], 0}, {flows[1], kTransitNs}});
    chain.Send({{flows[2], 0}, {flows[3], kTransitNs}});
    chain.Advance(kPieceNs);
  }
  chain.Finish();
  REQUIRE(chain.Hops().size() == 2);
  chain.directory.Take("10.0.0.2", chain.clock.NowNs() + kAheadNs);
  for (const FlowId flow : flows) {
    chain.flows->Remove(flow, chain.clock.NowNs());
  }
  const auto wait = [&](int seconds) {
    for (int waited = 0; waited < seconds; waited += 10) {
      chain.Advance(10 * kSecondNs);
    }
  };
  wait(120);
  CHECK(chain.Hops().size() == 2);
  wait(240);
  CHECK(chain.Hops() == std::map<std::string, int>{{"client-1 > silent-1", 100}});
  wait(3600);
  CHECK(chain.Hops().empty());
}

}  // namespace
}  // namespace audio_latency::correlator
