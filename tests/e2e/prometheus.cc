#include "tests/e2e/prometheus.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <chrono>
#include <fstream>
#include <thread>
#include <utility>

#include "common/status/status_macros.h"
#include "nlohmann/json.hpp"

namespace audio_latency::lab {
namespace {

// On the lab's own network, which reaches every node.
constexpr char kListenAddress[] = "127.0.0.1:19090";

}  // namespace

std::vector<ScrapeJob> ScrapeJobs(const Cluster& cluster, const Deployment& deployment) {
  const auto page = [](const Machine& machine) {
    return fmt::format("{}:{}", machine.address, kMetricsPort);
  };
  std::vector<ScrapeJob> jobs = {
      {.name = "audio-latency-correlator", .targets = {page(deployment.correlator_machine())}},
      {.name = "audio-latency-probe", .targets = {}}};
  for (const auto& node : cluster.nodes()) {
    jobs.back().targets.push_back(page(node->machine));
  }
  return jobs;
}

absl::StatusOr<Prometheus> Prometheus::Start(const std::vector<ScrapeJob>& jobs,
                                             const std::string& folder) {
  const std::string config_path = folder + "/prometheus.yml";
  std::ofstream config(config_path);
  config << "global: {scrape_interval: 1s}\nscrape_configs:\n";
  for (const ScrapeJob& job : jobs) {
    // As the chart's monitors: "pod" names the pods of the audio.
    config << fmt::format(
        "  - job_name: {}\n    honor_labels: true\n    static_configs: [{{targets: [\"{}\"]}}]\n",
        job.name, fmt::join(job.targets, "\", \""));
  }
  config.close();
  ProcessOptions options;
  options.arguments = {"prometheus", "--config.file=" + config_path,
                       "--storage.tsdb.path=" + folder + "/prometheus-data",
                       fmt::format("--web.listen-address={}", kListenAddress)};
  options.log_path = folder + "/prometheus.log";
  ASSIGN_OR_RETURN(Process process, Process::Start(options));
  Prometheus prometheus(std::move(process));
  constexpr int kTries = 300;
  for (int i = 0; i < kTries; ++i) {
    if (prometheus.Query("vector(1)").ok()) {
      return prometheus;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  return absl::DeadlineExceededError(
      fmt::format("Prometheus does not answer; see {}", options.log_path));
}

absl::StatusOr<std::vector<Prometheus::Sample>> Prometheus::Query(const std::string& query) const {
  ProcessOptions options;
  options.arguments = {"curl",
                       "-s",
                       "-m",
                       "5",
                       "--data-urlencode",
                       "query=" + query,
                       fmt::format("http://{}/api/v1/query", kListenAddress)};
  ASSIGN_OR_RETURN(const CommandResult result, RunCommand(options));
  const nlohmann::json answer =
      nlohmann::json::parse(result.output, nullptr, /*allow_exceptions=*/false);
  if (!answer.is_object() || answer.value("status", "") != "success") {
    return absl::InvalidArgumentError(fmt::format("{}: {}", query, result.output));
  }
  std::vector<Sample> samples;
  for (const nlohmann::json& entry : answer["data"]["result"]) {
    Sample sample;
    sample.labels = entry["metric"].get<std::map<std::string, std::string>>();
    sample.value = std::stod(entry["value"][1].get<std::string>());
    samples.push_back(std::move(sample));
  }
  return samples;
}

absl::Status CheckMetrics(const std::string& page) {
  ProcessOptions options;
  options.arguments = {"promtool", "check", "metrics"};
  options.input = page;
  ASSIGN_OR_RETURN(const CommandResult result, RunCommand(options));
  return result.exit_status == 0
             ? absl::OkStatus()
             : absl::FailedPreconditionError(
                   fmt::format("promtool check metrics: {}{}", result.output, result.error));
}

}  // namespace audio_latency::lab
