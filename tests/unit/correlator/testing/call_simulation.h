// Calls through a cluster with known truth: which passage continues which, what was lost, what came
// late and by how much the nodes' clocks are wrong.

#ifndef TESTS_UNIT_CORRELATOR_TESTING_CALL_SIMULATION_H_
#define TESTS_UNIT_CORRELATOR_TESTING_CALL_SIMULATION_H_

#include <cstdint>
#include <functional>
#include <map>
#include <random>
#include <set>
#include <utility>
#include <vector>

#include "correlator/matching/matcher.h"
#include "tests/unit/correlator/testing/cluster.h"

namespace audio_latency::correlator::testing {

// One conversation and position.
using PassageKey = std::pair<ConversationId, uint32_t>;

struct SimulationOptions {
  uint64_t seed = 1;
  // Of each observation, and of all observations of a passage at once.
  double observation_loss = 0;
  double passage_loss = 0;
  // Each node's clock is off by up to this, either way, for the whole run.
  int64_t clock_error_ns = 0;
  // Nodes report every so often, and a report takes up to so much longer.
  int64_t report_period_ns = 50'000'000;
  int64_t report_jitter_ns = 200'000'000;
  int64_t transit_ns = 300'000;
  int64_t transit_jitter_ns = 200'000;
};

class CallSimulation {
 public:
  CallSimulation(Cluster* cluster, const SimulationOptions& options);

  // The piece of audio leaves the conversation's source at `time_ns`; returns when it reaches the
  // destination. `origin`: the passage that it truly continues.
  int64_t Send(const ConversationFlows& conversation, uint64_t signature, uint32_t position,
               int64_t time_ns, const PassageKey* origin = nullptr);

  // Feeds all to a matcher in the order in which the nodes' reports arrive.
  struct Result {
    uint64_t links = 0;
    uint64_t false_links = 0;
    // True links of passages that were both seen at the endpoint between them.
    uint64_t possible_links = 0;
    // Transits told, those that were told twice, and those that could have been told.
    uint64_t transits = 0;
    uint64_t repeated = 0;
    uint64_t possible_transits = 0;
    MatchingCounters counters;
    std::vector<Match> matches;

    double recall() const {
      return possible_links == 0 ? 1
                                 : static_cast<double>(links) / static_cast<double>(possible_links);
    }
  };
  Result Run(const MatcherOptions& options = {});

 private:
  struct Report {
    int64_t arrival_ns = 0;
    Observation observation;
  };
  struct Sent {
    bool at_source = false;
    bool at_destination = false;
    bool has_origin = false;
    PassageKey origin;
  };

  void Observe(FlowId flow, uint64_t signature, uint32_t position, int64_t time_ns);
  bool Happens(double probability) {
    return probability > 0 && std::uniform_real_distribution<>(0, 1)(random_) < probability;
  }

  Cluster& cluster_;
  const SimulationOptions options_;
  std::mt19937_64 random_;
  std::map<NodeId, int64_t> clock_errors_ns_;
  std::vector<Report> reports_;
  std::map<PassageKey, Sent> sent_;
};

}  // namespace audio_latency::correlator::testing

#endif  // TESTS_UNIT_CORRELATOR_TESTING_CALL_SIMULATION_H_
