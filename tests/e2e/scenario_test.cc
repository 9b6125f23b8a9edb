// The demo's scenario with every promise asserted, and what users see of it: /metrics, Prometheus,
// the command line.

#include "tests/lab/demo/scenario.h"

#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "nlohmann/json.hpp"
#include "tests/e2e/prometheus.h"
#include "tests/lab/lab_test.h"
#include "tests/lab/scratch_folder.h"

namespace audio_latency::lab {
namespace {

void CheckAllPromises(const ScenarioResult& result) {
  for (const Promise& promise : CheckPromises(result)) {
    INFO(promise.text);
    CHECK(promise.held);
  }
}

void WaitForSilence(Scenario* scenario) {
  while (scenario->IsSpeaking()) {
    Require(scenario->deployment().CheckAlive());
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
}

// The samples of one source and destination pod.
const Prometheus::Sample* Find(const std::vector<Prometheus::Sample>& samples,
                               const std::map<std::string, std::string>& labels) {
  for (const Prometheus::Sample& sample : samples) {
    bool fits = true;
    for (const auto& [name, value] : labels) {
      const auto found = sample.labels.find(name);
      fits = fits && found != sample.labels.end() && found->second == value;
    }
    if (fits) {
      return &sample;
    }
  }
  return nullptr;
}

void CheckPromql(const Prometheus& prometheus) {
  const std::map<std::string, std::string> hop = {{"source_pod", "ingress-1"},
                                                  {"dest_pod", "processor-2"}};
  for (const char* query : {// Average latency between specific pods
                            "avg by (source_pod, dest_pod) (rate(audio_latency_seconds_sum[5m]) / "
                            "rate(audio_latency_seconds_count[5m]))",
                            // 99th percentile latency
                            "histogram_quantile(0.99, sum by (source_pod, dest_pod, le) "
                            "(rate(audio_latency_seconds_bucket[5m])))"}) {
    CAPTURE(query);
    const auto samples = Require(prometheus.Query(query));
    const Prometheus::Sample* sample = Find(samples, hop);
    REQUIRE(sample != nullptr);
    CHECK(sample->value > 0);
    CHECK(sample->value < 5e-3);
  }
  const auto held =
      Require(prometheus.Query("histogram_quantile(0.5, sum by (pod, le) "
                               "(rate(audio_processing_latency_seconds_bucket[5m])))"));
  const Prometheus::Sample* processor = Find(held, {{"pod", "processor-2"}});
  REQUIRE(processor != nullptr);
  CHECK(processor->value > 0.025);
  CHECK(processor->value < 0.05);
  // Signature detection rate per pod
  CHECK_FALSE(Require(prometheus.Query("sum by (pod) (rate(audio_signatures_total[1m]))")).empty());
  // All four pages are there.
  const auto up = Require(prometheus.Query("sum(up)"));
  REQUIRE(up.size() == 1);
  CHECK(up[0].value == 4);
}

void CheckCommandLine(const Deployment& deployment) {
  const CommandResult paths = Require(deployment.RunCommandLine({"paths", "-o", "json"}));
  INFO(paths.output << paths.error);
  REQUIRE(paths.exit_status == 0);
  const nlohmann::json answer = nlohmann::json::parse(paths.output);
  const nlohmann::json* path = nullptr;
  for (const nlohmann::json& candidate : answer.at("paths")) {
    if (candidate.at("path") == "ingress > processor > egress") {
      path = &candidate;
    }
  }
  REQUIRE(path != nullptr);
  CHECK(path->at("count").get<double>() > 100);
  CHECK(path->at("lost_share").get<double>() == 0);
  CHECK(path->at("error_bound_seconds").get<double>() > 0);
  const nlohmann::json& hops = path->at("hops");
  REQUIRE(hops.size() == 3);
  CHECK(hops[0].at("kind") == "TRANSIT");
  CHECK(hops[0].at("source").at("pod") == "ingress-1");
  CHECK(hops[0].at("source").at("namespace") == "voice");
  CHECK(hops[0].at("source").at("node") == "node-a");
  CHECK(hops[0].at("destination").at("pod") == "processor-2");
  CHECK(hops[1].at("kind") == "PROCESSING");
  CHECK(std::abs(hops[1].at("one_way_delay").at("p50_seconds").get<double>() - 0.040) < 1e-3);
  CHECK(hops[2].at("destination").at("workload") == "egress");

  // A trace without --path is of the newest piece, which may be the RTP call's.
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{"paths"},
                                             {"hops"},
                                             {"nodes"},
                                             {"trace", "--path", "ingress > processor > egress"},
                                             {"watch", "--count", "1"}}) {
    const CommandResult shown = Require(deployment.RunCommandLine(arguments));
    INFO(arguments[0] << ": " << shown.output << shown.error);
    REQUIRE(shown.exit_status == 0);
    const char* expected = arguments[0] == "nodes" ? "node-b" : "processor";
    CHECK(shown.output.find(expected) != std::string::npos);
  }
}

void CheckPages(Scenario* scenario) {
  const Deployment& deployment = scenario->deployment();
  const std::string page =
      Require(deployment.FetchMetrics(deployment.correlator_machine().address));
  Require(CheckMetrics(page));
  CHECK(
      page.find("audio_latency_seconds_bucket{source_pod=\"ingress-1\",dest_pod=\"processor-2\"") !=
      std::string::npos);
  for (const auto& node : scenario->cluster().nodes()) {
    CAPTURE(node->machine.name);
    Require(CheckMetrics(Require(deployment.FetchMetrics(node->machine.address))));
  }
}

TEST_CASE("every promise of the demo holds, and every interface tells the same") {
  const ScratchFolder folder;
  ScenarioOptions options;
  options.seconds = 12;
  options.folder = folder.path();
  const std::unique_ptr<Scenario> scenario = Require(Scenario::Start(options));
  const Deployment& deployment = scenario->deployment();
  const Prometheus prometheus =
      Require(Prometheus::Start(ScrapeJobs(scenario->cluster(), deployment), folder.path()));

  Require(scenario->StartCalls());
  WaitForSilence(scenario.get());
  CheckAllPromises(Require(scenario->FinishCalls()));
  CheckPages(scenario.get());
  CheckPromql(prometheus);
  CheckCommandLine(deployment);
}

TEST_CASE("the promises hold with the probes attached the older way, too") {
  const ScratchFolder folder;
  ScenarioOptions options;
  options.seconds = 6;
  options.folder = folder.path();
  options.probe_environment = {{"TC_ATTACH", "clsact"}};
  const std::unique_ptr<Scenario> scenario = Require(Scenario::Start(options));
  Require(scenario->StartCalls());
  WaitForSilence(scenario.get());
  CheckAllPromises(Require(scenario->FinishCalls()));
}

}  // namespace
}  // namespace audio_latency::lab
