// MAX_FLOWS, FLOW_TIMEOUT_MS and PERF_BUFFER_SIZE do what they say, in the real probe and kernel.

#include <fmt/format.h>
#include <linux/bpf.h>

#include <chrono>
#include <string>

#include "tests/e2e/lone_probe.h"
#include "tests/e2e/rtp_sender.h"
#include "tests/lab/lab_test.h"
#include "tests/lab/scratch_folder.h"
#include "tests/support/eventually.h"

namespace audio_latency::lab {
namespace {

using testing::Eventually;

constexpr uint16_t kPort = 5004;
constexpr int kPacketsOfStream = 5;
constexpr char kFlows[] = "audio_latency_probe_flows";
constexpr char kFlowLimit[] = "audio_latency_probe_dropped_total{cause=\"flow_limit\"}";
constexpr char kRingFull[] = "audio_latency_probe_dropped_total{cause=\"ring_full\"}";

std::map<std::string, std::string> OptionsWith(const std::string& name, const std::string& value) {
  return {{"INTERFACE", "lo"}, {"AUDIO_PORTS", std::to_string(kPort)}, {name, value}};
}

TEST_CASE("MAX_FLOWS bounds the flows that are followed, and what is beyond is counted") {
  const ScratchFolder folder;
  const NetworkNamespace network = Require(NetworkNamespace::Create());
  RtpSender sender = Require(RtpSender::Open(network, kPort));
  const auto probe = Require(
      LoneProbe::Start(network, OptionsWith("MAX_FLOWS", "100"), folder.path() + "/probe.log"));
  CHECK(probe->MapRoom(BPF_MAP_TYPE_LRU_HASH) == 100);
  // Each is seen twice: leaving and arriving.
  Require(sender.Send(20, kPacketsOfStream));
  CHECK(Eventually([&] { return Require(probe->Metric(kFlows)) == 40; }));
  CHECK(Require(probe->Metric(kFlowLimit)) == 0);
  // More, a few at a time: the kernel's table holds no more either.
  for (uint32_t round = 1; round <= 10; ++round) {
    Require(sender.Send(20, kPacketsOfStream, 1000 + 20 * round));
  }
  CHECK(Eventually([&] { return Require(probe->Metric(kFlowLimit)) > 0; }));
  CHECK(Eventually([&] { return Require(probe->Metric(kFlows)) == 100; }));
  // The kernel's table forgot older flows for these: 440 streams, and the candidates before them.
  CHECK(Require(probe->Metric("audio_latency_probe_table_used{table=\"kernel_flows\"}")) == 100);
  CHECK(Require(probe->Metric("audio_latency_probe_table_limit{table=\"kernel_flows\"}")) == 100);
  CHECK(Require(probe->Metric(
            "audio_latency_probe_table_evictions_total{table=\"kernel_flows\"}")) >= 340);
}

TEST_CASE("FLOW_TIMEOUT_MS forgets flows that are silent for so long, and only these") {
  const ScratchFolder folder;
  const NetworkNamespace network = Require(NetworkNamespace::Create());
  RtpSender sender = Require(RtpSender::Open(network, kPort));
  constexpr std::chrono::milliseconds kTimeout(3000);
  const auto probe = Require(
      LoneProbe::Start(network, OptionsWith("FLOW_TIMEOUT_MS", std::to_string(kTimeout.count())),
                       folder.path() + "/probe.log"));
  const auto begin = std::chrono::steady_clock::now();
  Require(sender.Send(10, kPacketsOfStream));
  CHECK(Eventually([&] { return Require(probe->Metric(kFlows)) == 20; }));
  // The first stream goes on.
  CHECK(Eventually([&] {
    Require(sender.Send(1, 1));
    const double flows = Require(probe->Metric(kFlows));
    if (std::chrono::steady_clock::now() - begin < kTimeout) {
      CHECK(flows == 20);
    }
    return flows == 2;
  }));
  CHECK(Require(probe->Metric("audio_latency_probe_flows_expired_total")) == 18);
  CHECK(Eventually([&] { return Require(probe->Metric(kFlows)) == 0; }));
}

TEST_CASE("PERF_BUFFER_SIZE is the room for events until they are read") {
  constexpr uint32_t kPageBytes = 4096;
  constexpr uint32_t kStreams = 50;
  constexpr int kBurst = 40;
  const ScratchFolder folder;
  const NetworkNamespace network = Require(NetworkNamespace::Create());
  RtpSender sender = Require(RtpSender::Open(network, kPort));
  {
    const auto probe = Require(LoneProbe::Start(network, OptionsWith("PERF_BUFFER_SIZE", "1"),
                                                folder.path() + "/small.log"));
    CHECK(probe->MapRoom(BPF_MAP_TYPE_RINGBUF) == kPageBytes);
    Require(sender.Send(kStreams, kBurst));
    CHECK(Require(probe->Metric(kRingFull)) > 0);
  }
  const auto probe = Require(LoneProbe::Start(network, OptionsWith("PERF_BUFFER_SIZE", "1024"),
                                              folder.path() + "/large.log"));
  CHECK(probe->MapRoom(BPF_MAP_TYPE_RINGBUF) == 1024 * kPageBytes);
  Require(sender.Send(kStreams, kBurst));
  CHECK(Eventually([&] {
    return Require(probe->Metric("audio_latency_probe_events_read_total")) >
           2 * kStreams * (kBurst - 2);
  }));
  CHECK(Require(probe->Metric(kRingFull)) == 0);
}

}  // namespace
}  // namespace audio_latency::lab
