#include "tests/bench/soak/verdict.h"

#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <string_view>

namespace audio_latency::bench {
namespace {

// Ten minutes of 100 streams past two points on each of two nodes, nothing wrong.
SoakFigures Good() {
  SoakFigures figures{.minutes = 10,
                      .warm_up_seconds = 300,
                      .streams = 100,
                      .points = 2,
                      .packets_due = 3e6,
                      .packets_sent = 3e6,
                      .rounds = 60,
                      .late_rounds = 1};
  for (const char* const name : {"correlator", "probe-node-a", "probe-node-b"}) {
    ProgramFigures& program = figures.programs[name];
    for (int i = 1; i <= 60; ++i) {
      program.memory.push_back({10.0 * i, 5e7});
    }
  }
  for (const char* const name : {"node-a", "node-b"}) {
    figures.nodes[name] = {.made = 1000,
                           .dropped = 10,
                           .acknowledged = 990,
                           .taken = 990,
                           .fewest_taken_in_round = 16,
                           .fewest_flows = 200,
                           .losses = {{"probe_buffer_full", 10}, {"ring_full", 0}}};
  }
  return figures;
}

// The only fault; else all of them, which fit no expectation.
std::string OnlyFault(const SoakFigures& figures) {
  const std::vector<std::string> faults = Faults(figures);
  return faults.size() == 1 ? faults[0] : fmt::format("{} faults", faults.size());
}

TEST_CASE("a soak with all streams, all events and flat memory is passed") {
  CHECK(Faults(Good()).empty());
  SoakFigures figures = Good();
  for (MemorySample& sample : figures.programs["correlator"].memory) {
    sample.bytes += 5e7 * 0.009 * sample.seconds / 600;
  }
  CHECK(Faults(figures).empty());
}

TEST_CASE("each program's memory is judged") {
  for (const char* const name : {"correlator", "probe-node-a", "probe-node-b"}) {
    SoakFigures figures = Good();
    for (MemorySample& sample : figures.programs[name].memory) {
      sample.bytes += 5e7 * 0.02 * sample.seconds / 600;
    }
    CHECK(OnlyFault(figures).starts_with(fmt::format("{}: memory grows by 1.9", name)));
  }
}

TEST_CASE("a warm-up as long as the run is a fault, not flat memory") {
  SoakFigures figures = Good();
  figures.warm_up_seconds = 600;
  const std::vector<std::string> faults = Faults(figures);
  REQUIRE(faults.size() == 3);
  CHECK(faults[0].starts_with("correlator: 1 samples of memory after the first 600 s"));
  figures.programs.clear();
  CHECK(OnlyFault(figures) == "no program's memory was looked at");
}

TEST_CASE("without traffic a soak fails, and says where it was missing") {
  SoakFigures figures = Good();
  figures.packets_sent = 0;
  CHECK(OnlyFault(figures) == "no packet was sent");
  figures = Good();
  figures.packets_sent = 2e6;
  CHECK(OnlyFault(figures).starts_with("only 2000000 of 3000000 packets were sent, 1 of 60"));
  figures = Good();
  figures.nodes["node-b"] = {.fewest_flows = 200};
  CHECK(Faults(figures) ==
        std::vector<std::string>{"node-b: no event was made",
                                 "node-b: the correlator took no event for a round"});
  figures.nodes.clear();
  CHECK(OnlyFault(figures) == "no node was looked at");
}

TEST_CASE("traffic that ceased during the soak is a fault") {
  SoakFigures figures = Good();
  figures.nodes["node-a"].fewest_taken_in_round = 0;
  CHECK(OnlyFault(figures) == "node-a: the correlator took no event for a round");
}

TEST_CASE("audio that was sampled is a fault") {
  SoakFigures figures = Good();
  figures.least_sampling_share = 0.5;
  CHECK(OnlyFault(figures).starts_with("audio was sampled, down to 0.5000"));
  figures = Good();
  figures.overloads = 1;
  CHECK(
      OnlyFault(figures).starts_with("audio was sampled, down to 1.0000 of the signatures, "
                                     "lowered 1 times"));
}

TEST_CASE("a stream that was not seen is a fault") {
  SoakFigures figures = Good();
  figures.nodes["node-a"].fewest_flows = 199;
  CHECK(OnlyFault(figures) == "node-a: only 199 of 200 flows were seen");
}

TEST_CASE("an event that is not accounted for is a fault") {
  SoakFigures figures = Good();
  figures.nodes["node-a"].made = 1001;
  CHECK(OnlyFault(figures) ==
        "node-a: of 1001 events made, 1 are neither acknowledged nor counted as dropped");
  figures = Good();
  figures.nodes["node-b"].taken = 989;
  CHECK(OnlyFault(figures) == "node-b: 990 events were acknowledged and 989 counted as taken");
}

TEST_CASE("the figures tell memory, streams, events and losses by cause") {
  std::string text;
  for (const std::string& line : FigureLines(Good())) {
    text += line + "\n";
  }
  for (const std::string_view expected :
       {"correlator                 50.00       50.00        +0.00 %", "200/200",
        "node-a lost, by cause: probe_buffer_full 10\n", "3000000 packets sent (100.0 % of"}) {
    CAPTURE(expected);
    CHECK(text.find(expected) != std::string::npos);
  }
  SoakFigures nothing = Good();
  nothing.programs["correlator"].memory.clear();
  CHECK(FigureLines(nothing)[1].find("?") != std::string::npos);
}

}  // namespace
}  // namespace audio_latency::bench
