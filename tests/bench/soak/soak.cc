// make soak: many calls for a long time, the memory of both programs, and every event accounted
// for.

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "common/status/status_macros.h"
#include "tests/bench/probe/media_load.h"
#include "tests/bench/soak/memory_trend.h"
#include "tests/lab/cluster.h"
#include "tests/lab/demo/deployment.h"
#include "tests/lab/demo/ledger.h"
#include "tests/lab/lab.h"
#include "tests/lab/scratch_folder.h"

namespace audio_latency::bench {
namespace {

constexpr int kReadyMs = 60'000;
constexpr int kRoundMs = 10'000;
constexpr double kMostGrowth = 0.01;  // in 10 minutes
constexpr double kBytesPerMegabyte = 1e6;
constexpr int kSettleSeconds = 60;

struct Options {
  double minutes = 30;
  double warm_up_minutes = 5;
  int streams = 1000;
  std::string output = "build/soak.txt";
};

// What is printed goes to a file as well, line by line: a long run must be looked at meanwhile.
class Report {
 public:
  explicit Report(const std::string& path) : file_(path) {}
  void Line(const std::string& line) {
    fmt::print("{}\n", line);
    std::fflush(stdout);
    file_ << line << std::endl;
  }

 private:
  std::ofstream file_;
};

// Of one program.
struct Course {
  std::vector<MemorySample> memory;
  double cpu_seconds_after_warm_up = -1;
  double cpu_seconds = 0;
};
using Courses = std::map<std::string, Course>;

void Look(const lab::Deployment& deployment, double seconds, bool is_warm, Courses* courses) {
  for (const lab::Deployment::Usage& usage : deployment.Usages()) {
    Course& course = (*courses)[usage.program];
    course.memory.push_back({seconds, static_cast<double>(usage.usage.resident_bytes)});
    course.cpu_seconds = usage.usage.cpu_seconds;
    if (is_warm && course.cpu_seconds_after_warm_up < 0) {
      course.cpu_seconds_after_warm_up = usage.usage.cpu_seconds;
    }
  }
}

bool JudgeMemory(const Courses& courses, double warm_up_seconds, Report* report) {
  bool is_flat = true;
  report->Line(fmt::format("{:<20} {:>12} {:>12} {:>14} {:>10}", "program", "warm MB", "end MB",
                           "growth/10 min", "% of core"));
  for (const auto& [program, course] : courses) {
    double warm_bytes = 0;
    double warm_at = 0;
    for (const MemorySample& sample : course.memory) {
      if (sample.seconds >= warm_up_seconds) {
        warm_bytes = sample.bytes;
        warm_at = sample.seconds;
        break;
      }
    }
    const double growth = GrowthIn10Minutes(course.memory, warm_up_seconds);
    const MemorySample& last = course.memory.back();
    const double cpu = (course.cpu_seconds - course.cpu_seconds_after_warm_up) /
                       std::max(1.0, last.seconds - warm_at) * 100;
    report->Line(fmt::format("{:<20} {:>12.2f} {:>12.2f} {:>12.2f} % {:>10.2f}", program,
                             warm_bytes / kBytesPerMegabyte, last.bytes / kBytesPerMegabyte,
                             growth * 100, cpu));
    is_flat &= growth <= kMostGrowth;
  }
  return is_flat;
}

// Every event that was made has come, or is counted as dropped.
absl::StatusOr<bool> JudgeEvents(const lab::Deployment& deployment, const lab::Cluster& cluster,
                                 Report* report) {
  bool is_settled = true;
  for (const auto& node : cluster.nodes()) {
    lab::Ledger ledger;
    for (int second = 0; second < kSettleSeconds; ++second) {
      ASSIGN_OR_RETURN(ledger, lab::ReadLedger(deployment, *node));
      if (ledger.IsSettled()) {
        break;
      }
      std::this_thread::sleep_for(std::chrono::seconds(1));
    }
    report->Line(fmt::format("{}: {}", node->machine.name, ledger.Text()));
    is_settled &= ledger.IsSettled() && ledger.taken == ledger.acknowledged;
  }
  return is_settled;
}

absl::StatusOr<int> Soak(const Options& options) {
  Report report(options.output);
  ASSIGN_OR_RETURN(const auto cluster, lab::Cluster::Create());
  ASSIGN_OR_RETURN(lab::Node* const node_a, cluster->AddNode("node-a"));
  ASSIGN_OR_RETURN(lab::Node* const node_b, cluster->AddNode("node-b"));
  ASSIGN_OR_RETURN(lab::Pod* const sender, cluster->AddPod(node_a, "sender-1", "sender", "soak"));
  ASSIGN_OR_RETURN(lab::Pod* const receiver,
                   cluster->AddPod(node_b, "receiver-1", "receiver", "soak"));
  const lab::ScratchFolder logs;
  ASSIGN_OR_RETURN(const auto deployment, lab::Deployment::Create(cluster.get(), logs.path()));
  RETURN_IF_ERROR(deployment->StartCorrelator());
  RETURN_IF_ERROR(deployment->StartProbes(
      {{"AUDIO_PORTS", fmt::format("{}-{}", kFirstPort, kFirstPort + options.streams)}}));
  RETURN_IF_ERROR(deployment->WaitUntilReady(kReadyMs));
  ASSIGN_OR_RETURN(MediaLoad load, MediaLoad::Create(*sender, *receiver, options.streams));

  Courses courses;
  int late_rounds = 0;
  const double warm_up_seconds = options.warm_up_minutes * 60;
  const auto begin = std::chrono::steady_clock::now();
  double seconds = 0;
  report.Line(fmt::format("soak: {} streams, {} minutes, of which {} to warm up", options.streams,
                          options.minutes, options.warm_up_minutes));
  for (int round = 0; seconds < options.minutes * 60; ++round) {
    // A busy machine sends late; that is told, and does no harm to what is measured here.
    late_rounds += absl::IsResourceExhausted(load.Send(kRoundMs)) ? 1 : 0;
    RETURN_IF_ERROR(deployment->CheckAlive());
    seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    Look(*deployment, seconds, seconds >= warm_up_seconds, &courses);
    if (round % 6 == 5) {
      std::string line = fmt::format("{:>6.1f} min", seconds / 60);
      for (const auto& [program, course] : courses) {
        line +=
            fmt::format("  {} {:.2f} MB", program, course.memory.back().bytes / kBytesPerMegabyte);
      }
      report.Line(line);
    }
  }
  ASSIGN_OR_RETURN(const bool is_settled, JudgeEvents(*deployment, *cluster, &report));
  const bool is_flat = JudgeMemory(courses, warm_up_seconds, &report);
  report.Line(fmt::format("rounds of 10 s that were sent late: {}", late_rounds));
  report.Line(fmt::format("memory {}; events {}", is_flat ? "flat" : "GROWS",
                          is_settled ? "all accounted for" : "MISSING"));
  return is_flat && is_settled ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace
}  // namespace audio_latency::bench

int main(int argc, char** argv) {
  using audio_latency::bench::Soak;
  audio_latency::bench::Options options;
  CLI::App app("Runs many calls for a long time and looks at the memory of both programs.", "soak");
  app.add_option("--minutes", options.minutes, "how long")
      ->check(CLI::Range(0.5, 10'000.0))
      ->capture_default_str();
  app.add_option("--warm-up-minutes", options.warm_up_minutes, "of these, before memory counts")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--streams", options.streams, "G.711 calls at once")
      ->check(CLI::Range(1, 2000))
      ->capture_default_str();
  app.add_option("--output", options.output, "file for the figures")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
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
