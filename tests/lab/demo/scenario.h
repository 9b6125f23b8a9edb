// The demo without its words: a cluster of three nodes, the product, two calls, the truth.

#ifndef TESTS_LAB_DEMO_SCENARIO_H_
#define TESTS_LAB_DEMO_SCENARIO_H_

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tests/lab/cluster.h"
#include "tests/lab/demo/calls.h"
#include "tests/lab/demo/deployment.h"
#include "tests/lab/demo/match_audit.h"
#include "tests/lab/demo/match_watcher.h"
#include "tests/lab/demo/promises.h"

namespace audio_latency::lab {

struct ScenarioOptions {
  // How long the calls last.
  int seconds = 60;
  // Logs go to <folder>/logs.
  std::string folder;
  // Added to every probe's environment; AUDIO_PORTS are the calls' unless it is here.
  std::map<std::string, std::string> probe_environment;
  // What runs: those of this build, unless told otherwise.
  DeployedPrograms programs;
  // Told each step as it begins.
  std::function<void(const std::string&)> on_step = [](const std::string&) {};
};

// Call it inside a lab. Not thread-safe.
//   ingress-1 (node-a) > processor-2 (node-b), 40 ms > egress-3 (node-c), PCM over TCP
//   caller-1 (node-a) > media-relay-1 (node-b), 15 ms > callee-1 (node-c), G.711 over RTP
class Scenario {
 public:
  // Builds the cluster and starts the product; returns when all clocks are good.
  static absl::StatusOr<std::unique_ptr<Scenario>> Start(const ScenarioOptions& options);

  absl::Status StartCalls();
  bool IsSpeaking();
  // Waits for the last matches and ends the calls.
  absl::StatusOr<ScenarioResult> FinishCalls();

  // What is known of the calls beforehand; once they are started.
  const std::vector<CallTruth>& truths() const { return truths_; }
  Cluster& cluster() { return *cluster_; }
  Deployment& deployment() { return *deployment_; }

 private:
  explicit Scenario(ScenarioOptions options) : options_(std::move(options)) {}

  absl::Status BuildCluster();

  const ScenarioOptions options_;
  std::string log_folder_;
  std::unique_ptr<Cluster> cluster_;
  std::vector<CallPlan> plans_;
  std::vector<CallTruth> truths_;
  std::unique_ptr<Deployment> deployment_;
  std::optional<MatchAudit> audit_;
  std::unique_ptr<MatchWatcher> watcher_;
  std::vector<std::unique_ptr<Call>> calls_;
};

}  // namespace audio_latency::lab

#endif  // TESTS_LAB_DEMO_SCENARIO_H_
