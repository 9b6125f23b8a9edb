#include "correlator/cli/answers_to_text.h"

#include <catch2/catch.hpp>

#include "correlator/query/snapshots_to_proto.h"
#include "tests/unit/correlator/query/fake_readers.h"

namespace audio_latency::correlator {
namespace {

constexpr double kNow = 1704110403;

struct Answers {
  v1::ListPathsResponse paths;
  v1::ListHopsResponse hops;
  v1::ListNodesResponse nodes;

  Answers() {
    FakePathReader path_reader;
    FakeNodeReader node_reader;
    FakeMatchingReader matching_reader;
    FillThreeNodes(&path_reader, &node_reader, &matching_reader);
    ToProto(path_reader.paths[0], 0.0005, paths.add_paths());
    for (const HopSnapshot& hop : path_reader.hops) {
      ToProto(hop, hops.add_hops());
    }
    for (const NodeSnapshot& node : node_reader.nodes) {
      ToProto(node, nodes.add_nodes());
    }
  }
};

TEST_CASE("what is sampled is said below the table") {
  v1::ListPathsResponse paths;
  v1::ListHopsResponse hops;
  paths.add_paths()->set_sampling_share(1);
  hops.add_hops()->set_sampling_share(1);
  CHECK(PathsText(paths.paths()).find("overloaded") == std::string::npos);
  CHECK(HopsText(hops.hops()).find("overloaded") == std::string::npos);
  paths.mutable_paths(0)->set_sampling_share(0.25);
  hops.mutable_hops(0)->set_sampling_share(0.25);
  CHECK(PathsText(paths.paths()).find("the probes keep 25") != std::string::npos);
  CHECK(HopsText(hops.hops()).find("the probes keep 25") != std::string::npos);
}

TEST_CASE("paths are shown with their hops under them") {
  // clang-format off
  CHECK(PathsText(Answers().paths.paths()) ==
      "PATH                          COUNT      P50      P90      P95      P99      MAX  ± ERROR  COVERAGE    LOST  NEGATIVE\n"
      "ingress > processor > egress   1234  41.2 ms  45.3 ms  49.4 ms  61.8 ms  82.4 ms  2.00 µs    99.5 %  <0.1 %         1\n"
      "  ingress-1 > processor-2      1234   310 µs   341 µs   372 µs   465 µs   620 µs  2.00 µs                           1\n"
      "  inside processor-2           1234  40.2 ms  44.2 ms  48.2 ms  60.3 ms  80.4 ms  2.00 µs                           1\n"
      "  processor-2 > egress-3       1234   290 µs   319 µs   348 µs   435 µs   580 µs  2.00 µs                           1\n"
      "LOST is of all events since the start.\n");
  // clang-format on
  // Nothing to explain.
  Answers answers;
  answers.paths.mutable_paths(0)->set_lost_share(0);
  CHECK(PathsText(answers.paths.paths()).find("LOST is") == std::string::npos);
}

TEST_CASE("hops tell their nodes") {
  Answers answers;
  const std::string text = HopsText(answers.hops.hops());
  CHECK(text.find("transit     node-a > node-b\n") != std::string::npos);
  CHECK(text.find("processing  node-b\n") != std::string::npos);
  answers.hops.mutable_hops(0)->mutable_source()->clear_node();
  answers.hops.mutable_hops(0)->mutable_source()->clear_pod();
  answers.hops.mutable_hops(0)->mutable_source()->clear_workload();
  const std::string unknown = HopsText(answers.hops.hops());
  CHECK(unknown.find("10.0.1.5 > processor-2") != std::string::npos);
  CHECK(unknown.find("? > node-b") != std::string::npos);
}

TEST_CASE("nodes tell their clocks and drops") {
  Answers answers;
  v1::Node* const second = answers.nodes.mutable_nodes(1);
  second->set_connected(false);
  second->set_clock_state("synchronising");
  second->clear_drops();
  v1::Node* const third = answers.nodes.mutable_nodes(2);
  (*third->mutable_drops())["a"] = 1;
  (*third->mutable_drops())["b"] = 0;
  (*third->mutable_drops())["c"] = 2;
  // clang-format off
  CHECK(NodesText(answers.nodes.nodes(), kNow) ==
      "NODE    PROBE      LAST SEEN  CLOCK          ± ERROR   OFFSET     DRIFT  KERNEL CLOCK             EVENTS  FLOWS   LOST  NOT SIGNED OR LOST                              VERSION\n"
      "node-a  connected  3 s ago    good (udp)     1.50 µs  -12.5 s  12.5 ppm  synchronised, ± 3.00 ms    5000      4  1.0 %  gate_silence 700, ring_full 50                  0.1.0\n"
      "node-b  gone       3 s ago    synchronising        ?        ?         ?  not synchronised           5000      4  1.0 %  none                                            0.1.0\n"
      "node-c  connected  3 s ago    good (stream)  1.50 µs  -37.5 s  12.5 ppm  ?                          5000      4  1.0 %  gate_silence 700, ring_full 50, c 2 and 1 more  0.1.0\n");
  // clang-format on
  CHECK(NodesText({}, kNow).find("Start audio-latency-probe") != std::string::npos);
}

TEST_CASE("clocks that are not good are told with the answer") {
  google::protobuf::RepeatedPtrField<v1::NodeClock> clocks;
  v1::NodeClock* const good = clocks.Add();
  good->set_node("node-a");
  good->set_state("good");
  CHECK(ClocksText(clocks).empty());
  v1::NodeClock* const stale = clocks.Add();
  stale->set_node("node-b");
  stale->set_state("stale");
  stale->set_waiting_events(1234);
  CHECK(
      ClocksText(clocks) ==
      "node-b: the clock is stale; 1234 events wait for it to be good, and nothing that this node "
      "sees is told before.\n");
}

TEST_CASE("a trace shows each point") {
  v1::TraceSignatureResponse response;
  v1::Trace* const trace = response.add_traces();
  trace->set_signature("ab54a98ceb1f0ad2");
  trace->set_decision("lock");
  v1::TracePoint* const tcp = trace->add_points();
  tcp->set_node("node-a");
  tcp->set_interface("eth0");
  tcp->set_direction("egress");
  tcp->mutable_source()->set_pod("ingress-1");
  tcp->mutable_source()->set_address("10.0.1.5");
  tcp->set_source_port(40000);
  tcp->mutable_destination()->set_address("fd00::5");
  tcp->set_destination_port(9000);
  tcp->set_transport("tcp");
  tcp->set_time_unix_seconds(1704110399.25);
  tcp->set_position(65000);
  v1::TracePoint* const rtp = trace->add_points();
  *rtp = *tcp;
  rtp->set_delay_seconds(0.015);
  rtp->set_rtp_ssrc(0xcafe);
  const std::string text = TracesText(response.traces());
  CHECK(text.find("signature ab54a98ceb1f0ad2, decided by lock\n") == 0);
  CHECK(text.find("ingress-1 (10.0.1.5:40000)  [fd00::5]:9000  tcp") != std::string::npos);
  CHECK(text.find("seq 65000") != std::string::npos);
  CHECK(text.find("RTP 0000cafe no. 65000") != std::string::npos);
  CHECK(text.find("11:59:59.250000") != std::string::npos);
  CHECK(text.find("15.0 ms") != std::string::npos);
  tcp->set_stream_offset_bytes(0);
  CHECK(TracesText(response.traces()).find("byte 0") != std::string::npos);
}

TEST_CASE("when there is nothing to show it is said what to do") {
  Answers answers;
  CHECK(NothingSeenText({}, "", 0).find("no probe is connected") != std::string::npos);
  CHECK(NothingSeenText(answers.nodes.nodes(), "", 0).find("15000 events came in") !=
        std::string::npos);
  CHECK(
      NothingSeenText(answers.nodes.nodes(), "nosuch", 0) ==
      "No audio went through 'nosuch'. `audio-latency hops` without --through shows the pods that "
      "it went through.\n");
  CHECK(NothingSeenText(answers.nodes.nodes(), "nosuch", 10).find("in the last 10 s") !=
        std::string::npos);
  CHECK(NothingSeenText(answers.nodes.nodes(), "", 10).find("Without --window") !=
        std::string::npos);
  for (v1::Node& node : *answers.nodes.mutable_nodes()) {
    node.set_events(0);
  }
  CHECK(NothingSeenText(answers.nodes.nodes(), "", 0).find("3 probes are connected") !=
        std::string::npos);
  for (v1::Node& node : *answers.nodes.mutable_nodes()) {
    node.set_connected(false);
  }
  CHECK(NothingSeenText(answers.nodes.nodes(), "nosuch", 0).find("no probe is connected") !=
        std::string::npos);
}

}  // namespace
}  // namespace audio_latency::correlator
