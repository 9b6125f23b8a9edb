// What a probe takes of its node while 1,000 G.711 calls pass: the real probe on a real kernel.
//
// Each packet of a call passes two observation points of the sender's node (the pod's veth and the
// node's eth0), as it does on any node.

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "common/status/status_macros.h"
#include "tests/bench/bench_report.h"
#include "tests/bench/probe/kernel_run_time.h"
#include "tests/bench/probe/media_load.h"
#include "tests/lab/cluster.h"
#include "tests/lab/demo/deployment.h"
#include "tests/lab/lab.h"
#include "tests/lab/scratch_folder.h"

namespace audio_latency::bench {
namespace {

constexpr int kStreams = 1000;
constexpr int kWarmUpMs = 3000;
constexpr int kRoundMs = 4000;
constexpr int kRounds = 3;
constexpr int kReadyMs = 30'000;
constexpr char kProbe[] = "probe-node-a";
constexpr double kBytesPerMegabyte = 1e6;

struct Sample {
  double user_cpu_seconds = 0;
  double resident_bytes = 0;
  KernelRunTime kernel;
};

absl::StatusOr<Sample> Take(const lab::Deployment& deployment, const KernelRunTimeMeter& meter) {
  Sample sample;
  ASSIGN_OR_RETURN(sample.kernel, meter.Read());
  for (const lab::Deployment::Usage& usage : deployment.Usages()) {
    if (usage.program == kProbe) {
      sample.user_cpu_seconds = usage.usage.cpu_seconds;
      sample.resident_bytes = static_cast<double>(usage.usage.resident_bytes);
      return sample;
    }
  }
  return absl::NotFoundError(fmt::format("no program {} runs", kProbe));
}

Measurement Summary(const std::string& name, const std::string& unit, std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return {name, unit, values.front(), values[values.size() / 2], values.back()};
}

absl::StatusOr<std::vector<Measurement>> Measure() {
  ASSIGN_OR_RETURN(const auto cluster, lab::Cluster::Create());
  ASSIGN_OR_RETURN(lab::Node* const node_a, cluster->AddNode("node-a"));
  ASSIGN_OR_RETURN(lab::Node* const node_b, cluster->AddNode("node-b"));
  ASSIGN_OR_RETURN(lab::Pod* const sender, cluster->AddPod(node_a, "sender-1", "sender", "bench"));
  ASSIGN_OR_RETURN(lab::Pod* const receiver,
                   cluster->AddPod(node_b, "receiver-1", "receiver", "bench"));
  const lab::ScratchFolder logs;
  ASSIGN_OR_RETURN(const auto deployment, lab::Deployment::Create(cluster.get(), logs.path()));
  RETURN_IF_ERROR(deployment->StartCorrelator());
  RETURN_IF_ERROR(deployment->StartProbes({{"AUDIO_PORTS", "10000-12000"}}));
  RETURN_IF_ERROR(deployment->WaitUntilReady(kReadyMs));
  ASSIGN_OR_RETURN(MediaLoad load, MediaLoad::Create(*sender, *receiver, kStreams));
  RETURN_IF_ERROR(load.Send(kWarmUpMs));
  ASSIGN_OR_RETURN(const KernelRunTimeMeter meter, KernelRunTimeMeter::Start());

  std::vector<double> user;
  std::vector<double> kernel;
  std::vector<double> run_ns;
  std::vector<double> resident;
  for (int round = 0; round < kRounds; ++round) {
    ASSIGN_OR_RETURN(const Sample before, Take(*deployment, meter));
    RETURN_IF_ERROR(load.Send(kRoundMs));
    ASSIGN_OR_RETURN(const Sample after, Take(*deployment, meter));
    // Of the calls' own time, should the machine have been a little late with them.
    constexpr double kRoundSeconds = kRoundMs / 1e3;
    constexpr double kPercent = 100;
    const auto run_time_ns =
        static_cast<double>(after.kernel.run_time_ns - before.kernel.run_time_ns);
    const auto runs = static_cast<double>(after.kernel.runs - before.kernel.runs);
    user.push_back(kPercent * (after.user_cpu_seconds - before.user_cpu_seconds) / kRoundSeconds);
    run_ns.push_back(run_time_ns / runs);
    // Of the calls' packets at one point; both nodes count, each at two.
    kernel.push_back(kPercent * run_ns.back() * 1e-9 * kStreams * 50);
    resident.push_back(after.resident_bytes / kBytesPerMegabyte);
  }
  return std::vector<Measurement>{
      Summary("probe/g711_1000_streams_two_points_user", "% of a core", user),
      Summary("probe/g711_1000_streams_one_point_kernel", "% of a core", kernel),
      Summary("probe/g711_packet_in_kernel", "ns/packet", run_ns),
      Summary("probe/resident_memory", "MB", resident)};
}

int Run(const std::string& json_path) {
  const absl::StatusOr<std::vector<Measurement>> measurements = Measure();
  if (!measurements.ok()) {
    fmt::print(stderr, "bench_probe: {}\n", Message(measurements.status()));
    return 1;
  }
  fmt::print("{}", MeasurementsTable(*measurements));
  if (!json_path.empty()) {
    std::ofstream(json_path) << MeasurementsJson(*measurements);
  }
  return 0;
}

}  // namespace
}  // namespace audio_latency::bench

int main(int argc, char** argv) {
  std::string json_path;
  if (argc == 3 && std::string_view(argv[1]) == "--json") {
    json_path = argv[2];
  } else if (argc != 1) {
    fmt::print(stderr, "usage: bench_probe [--json FILE]\n");
    return 2;
  }
  if (geteuid() != 0) {
    fmt::print(stderr, "bench_probe: skipped: network namespaces and BPF need root\n");
    return 77;
  }
  const absl::StatusOr<int> status = audio_latency::lab::Lab::Run(
      [&](const audio_latency::lab::Lab&) { return audio_latency::bench::Run(json_path); });
  if (!status.ok()) {
    fmt::print(stderr, "bench_probe: {}\n", audio_latency::Message(status.status()));
    return 1;
  }
  return *status;
}
