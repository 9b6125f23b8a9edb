// What a soak found, and whether that is good enough.

#ifndef TESTS_BENCH_SOAK_VERDICT_H_
#define TESTS_BENCH_SOAK_VERDICT_H_

#include <map>
#include <string>
#include <vector>

#include "tests/bench/soak/memory_trend.h"

namespace audio_latency::bench {

// Of resident memory, in 10 minutes, as a share.
inline constexpr double kMostGrowth = 0.01;
// Of the packets that the calls should have sent: a machine that is busy with something else sends
// fewer, and then it is not the load that the soak is about.
inline constexpr double kLeastLoad = 0.75;

struct ProgramFigures {
  std::vector<MemorySample> memory;
  // Of a core, in percent, after the warm-up.
  double cpu_percent = 0;
};

struct NodeFigures {
  // Events: made by the capture programs, of these dropped by the probe and counted, acknowledged
  // by the correlator, and counted there.
  double made = 0;
  double dropped = 0;
  double acknowledged = 0;
  double taken = 0;
  // Fewest events that the correlator took in a round, and fewest flows that it knew after one, of
  // the rounds after the warm-up.
  double fewest_taken_in_round = 0;
  double fewest_flows = 0;
  // Of both programs, by cause; what was lost before it became an event too.
  std::map<std::string, double> losses = {};
};

struct SoakFigures {
  double minutes = 0;
  double warm_up_seconds = 0;
  int streams = 0;
  // Observation points that a stream passes on each node.
  int points = 0;
  double packets_due = 0;
  double packets_sent = 0;
  int rounds = 0;
  int late_rounds = 0;
  // Of the signatures, as the correlator or a probe told it at any time.
  double least_sampling_share = 1;
  // How often the correlator lowered it.
  double overloads = 0;
  std::map<std::string, ProgramFigures> programs = {};
  std::map<std::string, NodeFigures> nodes = {};
};

// What is wrong, a line each; none when the soak is passed.
std::vector<std::string> Faults(const SoakFigures& figures);

// For people: memory of each program; streams, events and losses of each node; the load.
std::vector<std::string> FigureLines(const SoakFigures& figures);

}  // namespace audio_latency::bench

#endif  // TESTS_BENCH_SOAK_VERDICT_H_
