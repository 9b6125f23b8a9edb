// make soak: many calls for a long time, the memory of both programs, and every event accounted
// for.

#include <fmt/format.h>
#include <grpcpp/grpcpp.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "common/status/status_macros.h"
#include "tests/bench/probe/media_load.h"
#include "tests/bench/soak/memory_trend.h"
#include "tests/bench/soak/verdict.h"
#include "tests/lab/cluster.h"
#include "tests/lab/demo/deployment.h"
#include "tests/lab/demo/ledger.h"
#include "tests/lab/lab.h"
#include "tests/lab/scratch_folder.h"

namespace audio_latency::bench {
namespace {

constexpr int kReadyMs = 60'000;
constexpr int kRoundMs = 10'000;
constexpr int kRoundsPerLine = 6;
constexpr double kBytesPerMegabyte = 1e6;
constexpr int kSettleSeconds = 60;
// The pod's interface and the node's.
constexpr int kPointsPerNode = 2;
// Of samples of memory, so that a trend can be told; rounds end late, never early.
constexpr double kFewestMinutes = (kFewestTrendSamples + 1) * kRoundMs / 60e3;

struct Options {
  double minutes = 30;
  double warm_up_minutes = 5;
  int streams = 1000;
  std::string output = "build/soak.txt";
};

// What is printed goes to a file as well, line by line: a long run must be looked at meanwhile.
class Report {
 public:
  static absl::StatusOr<Report> Create(const std::string& path) {
    Report report;
    report.file_.open(path);
    if (!report.file_) {
      return absl::InvalidArgumentError(
          fmt::format("--output: {} cannot be written: {}; name a file in a folder that is there",
                      path, std::generic_category().message(errno)));
    }
    return report;
  }

  void Line(const std::string& line) {
    fmt::print("{}\n", line);
    std::fflush(stdout);
    file_ << line << std::endl;
  }

 private:
  std::ofstream file_;
};

// Ready, with as many calls as wanted.
struct Scene {
  lab::ScratchFolder logs;
  std::unique_ptr<lab::Cluster> cluster;
  std::unique_ptr<lab::Deployment> deployment;
  std::unique_ptr<MediaLoad> load;
};

absl::Status SetUp(int streams, Scene* scene) {
  ASSIGN_OR_RETURN(scene->cluster, lab::Cluster::Create());
  lab::Cluster* const cluster = scene->cluster.get();
  ASSIGN_OR_RETURN(lab::Node* const node_a, cluster->AddNode("node-a"));
  ASSIGN_OR_RETURN(lab::Node* const node_b, cluster->AddNode("node-b"));
  ASSIGN_OR_RETURN(lab::Pod* const sender, cluster->AddPod(node_a, "sender-1", "sender", "soak"));
  ASSIGN_OR_RETURN(lab::Pod* const receiver,
                   cluster->AddPod(node_b, "receiver-1", "receiver", "soak"));
  ASSIGN_OR_RETURN(scene->deployment, lab::Deployment::Create(cluster, scene->logs.path()));
  RETURN_IF_ERROR(scene->deployment->StartCorrelator());
  RETURN_IF_ERROR(scene->deployment->StartProbes(
      {{"AUDIO_PORTS", fmt::format("{}-{}", kFirstPort, kFirstPort + streams - 1)}}));
  RETURN_IF_ERROR(scene->deployment->WaitUntilReady(kReadyMs));
  ASSIGN_OR_RETURN(MediaLoad load, MediaLoad::Create(*sender, *receiver, streams));
  scene->load = std::make_unique<MediaLoad>(std::move(load));
  return absl::OkStatus();
}

absl::StatusOr<audio_latency::v1::ListNodesResponse> AskForNodes(
    const lab::Deployment& deployment) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
  audio_latency::v1::ListNodesResponse response;
  const grpc::Status status = deployment.stub()->ListNodes(&context, {}, &response);
  if (!status.ok()) {
    return absl::UnavailableError(
        fmt::format("the correlator does not answer: {}", status.error_message()));
  }
  return response;
}

// Looks at the programs after each round.
class Observer {
 public:
  Observer(const lab::Deployment& deployment, SoakFigures* figures)
      : deployment_(deployment), figures_(*figures) {}

  absl::Status Look(double seconds) {
    const bool is_warm = seconds >= figures_.warm_up_seconds;
    LookAtMemory(seconds, is_warm);
    RETURN_IF_ERROR(LookAtSampling());
    ASSIGN_OR_RETURN(const auto response, AskForNodes(deployment_));
    for (const audio_latency::v1::Node& node : response.nodes()) {
      double& before = taken_[node.node()];
      const double taken_in_round = node.events() - before;
      before = node.events();
      if (is_warm) {
        NodeFigures& of_node = figures_.nodes[node.node()];
        const bool is_first = looked_at_.insert(node.node()).second;
        of_node.fewest_taken_in_round =
            is_first ? taken_in_round : std::min(of_node.fewest_taken_in_round, taken_in_round);
        of_node.fewest_flows =
            is_first ? node.flows() : std::min(of_node.fewest_flows, node.flows());
      }
      figures_.least_sampling_share =
          std::min(figures_.least_sampling_share, node.sampling_share());
    }
    return absl::OkStatus();
  }

  std::string Line(double seconds) const {
    std::string line = fmt::format("{:>6.1f} min", seconds / 60);
    for (const auto& [name, program] : figures_.programs) {
      line += fmt::format("  {} {:.2f} MB", name, program.memory.back().bytes / kBytesPerMegabyte);
    }
    for (const auto& [name, taken] : taken_) {
      line += fmt::format("  {} {:.0f} events", name, taken);
    }
    return line;
  }

 private:
  void LookAtMemory(double seconds, bool is_warm) {
    for (const lab::Deployment::Usage& usage : deployment_.Usages()) {
      ProgramFigures& program = figures_.programs[usage.program];
      program.memory.push_back({seconds, static_cast<double>(usage.usage.resident_bytes)});
      if (is_warm) {
        const auto [warm, is_first] =
            warm_cpu_.try_emplace(usage.program, std::pair{seconds, usage.usage.cpu_seconds});
        const auto [since_seconds, since_cpu_seconds] = warm->second;
        program.cpu_percent = is_first ? 0
                                       : (usage.usage.cpu_seconds - since_cpu_seconds) /
                                             (seconds - since_seconds) * 100;
      }
    }
  }

  absl::Status LookAtSampling() {
    ASSIGN_OR_RETURN(const std::string page,
                     deployment_.FetchMetrics(deployment_.correlator_machine().address));
    figures_.least_sampling_share = std::min(figures_.least_sampling_share,
                                             lab::MetricOn(page, "audio_latency_sampling_share"));
    figures_.overloads = lab::MetricOn(page, "audio_latency_overloads_total");
    return absl::OkStatus();
  }

  const lab::Deployment& deployment_;
  SoakFigures& figures_;
  std::map<std::string, double> taken_;
  std::set<std::string> looked_at_;
  // Program -> when it was warm, and the processor's seconds until then.
  std::map<std::string, std::pair<double, double>> warm_cpu_;
};

// Waits until what was made has come, for a while.
absl::Status CountEvents(const lab::Deployment& deployment, const lab::Cluster& cluster,
                         SoakFigures* figures) {
  for (const auto& node : cluster.nodes()) {
    lab::Ledger ledger;
    for (int second = 0; second < kSettleSeconds; ++second) {
      ASSIGN_OR_RETURN(ledger, lab::ReadLedger(deployment, *node));
      if (ledger.IsSettled() && ledger.taken == ledger.acknowledged) {
        break;
      }
      std::this_thread::sleep_for(std::chrono::seconds(1));
    }
    NodeFigures& of_node = figures->nodes[node->machine.name];
    of_node.made = ledger.made;
    of_node.dropped = ledger.DroppedInAll();
    of_node.acknowledged = ledger.acknowledged;
    of_node.taken = ledger.taken;
    of_node.losses = ledger.dropped;
    of_node.losses["ring_full"] = ledger.ring_full;
  }
  // What the correlator itself lost is told by node as well.
  ASSIGN_OR_RETURN(const auto response, AskForNodes(deployment));
  for (const audio_latency::v1::Node& node : response.nodes()) {
    for (const auto& [cause, count] : node.drops()) {
      double& known = figures->nodes[node.node()].losses[cause];
      known = std::max(known, count);
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<int> Soak(const Options& options) {
  ASSIGN_OR_RETURN(Report report, Report::Create(options.output));
  Scene scene;
  RETURN_IF_ERROR(SetUp(options.streams, &scene));
  SoakFigures figures{.warm_up_seconds = options.warm_up_minutes * 60,
                      .streams = options.streams,
                      .points = kPointsPerNode};
  Observer observer(*scene.deployment, &figures);
  const auto begin = std::chrono::steady_clock::now();
  double seconds = 0;
  report.Line(fmt::format("soak: {} streams, {} minutes, of which {} to warm up", options.streams,
                          options.minutes, options.warm_up_minutes));
  while (seconds < options.minutes * 60) {
    const absl::Status sent = scene.load->Send(kRoundMs);
    // A busy machine sends late; that is told, and judged at the end.
    if (!sent.ok() && !absl::IsResourceExhausted(sent)) {
      return sent;
    }
    figures.late_rounds += sent.ok() ? 0 : 1;
    RETURN_IF_ERROR(scene.deployment->CheckAlive());
    seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    RETURN_IF_ERROR(observer.Look(seconds));
    if (++figures.rounds % kRoundsPerLine == 0) {
      report.Line(observer.Line(seconds));
    }
  }
  figures.minutes = seconds / 60;
  figures.packets_sent = static_cast<double>(scene.load->packets_sent());
  figures.packets_due = seconds * options.streams * kPacketsPerSecond;
  RETURN_IF_ERROR(CountEvents(*scene.deployment, *scene.cluster, &figures));
  for (const std::string& line : FigureLines(figures)) {
    report.Line(line);
  }
  const std::vector<std::string> faults = Faults(figures);
  for (const std::string& fault : faults) {
    report.Line("FAILED: " + fault);
  }
  if (faults.empty()) {
    report.Line("passed: memory flat, all streams seen, all events accounted for");
  }
  return faults.empty() ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace
}  // namespace audio_latency::bench

int main(int argc, char** argv) {
  using audio_latency::bench::Soak;
  audio_latency::bench::Options options;
  CLI::App app("Runs many calls for a long time and looks at the memory of both programs.", "soak");
  app.add_option("--minutes", options.minutes, "how long")
      ->check(CLI::Range(1.0, 10'000.0))
      ->capture_default_str();
  app.add_option("--warm-up-minutes", options.warm_up_minutes, "of these, before memory counts")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--streams", options.streams, "G.711 calls at once")
      ->check(CLI::Range(1, 2000))
      ->capture_default_str();
  app.add_option("--output", options.output, "file for the figures")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  if (options.minutes - options.warm_up_minutes < audio_latency::bench::kFewestMinutes) {
    fmt::print(
        stderr,
        "soak: --warm-up-minutes {} of --minutes {} leaves too little to tell whether memory "
        "grows: leave {} minutes at least\n",
        options.warm_up_minutes, options.minutes, audio_latency::bench::kFewestMinutes);
    return EXIT_FAILURE;
  }
  if (geteuid() != 0) {
    fmt::print(stderr, "soak: skipped: network namespaces and BPF need root\n");
    return 77;
  }
  const absl::StatusOr<int> status =
      audio_latency::lab::Lab::Run([&](const audio_latency::lab::Lab&) {
        const absl::StatusOr<int> result = Soak(options);
        if (!result.ok()) {
          fmt::print(stderr, "soak: {}\n", audio_latency::Message(result.status()));
          return EXIT_FAILURE;
        }
        return *result;
      });
  if (!status.ok()) {
    fmt::print(stderr, "soak: {}\n", audio_latency::Message(status.status()));
    return EXIT_FAILURE;
  }
  return *status;
}
