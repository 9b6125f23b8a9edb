// A probe that is killed in whatever way of attaching, and the next one: exactly one is attached.

#include <fmt/format.h>
#include <net/if.h>

#include <chrono>
#include <csignal>
#include <memory>
#include <string>
#include <thread>

#include "probe/capture/tcx.h"
#include "probe/capture/traffic_filter.h"
#include "tests/e2e/lone_probe.h"
#include "tests/e2e/rtp_sender.h"
#include "tests/lab/devices/neighbour_program.h"
#include "tests/lab/lab_test.h"
#include "tests/lab/scratch_folder.h"

namespace audio_latency::lab {
namespace {

constexpr uint16_t kPort = 5004;

// Programs of probes at the loopback interface in one direction.
size_t Attached(const NetworkNamespace& network, capture_direction direction) {
  size_t attached = 0;
  Require(network.RunInside([&]() -> absl::Status {
    const uint32_t index = if_nametoindex("lo");
    ASSIGN_OR_RETURN(const auto tcx, probe::ListTcxPrograms(index, direction));
    ASSIGN_OR_RETURN(const auto filters, probe::ListTrafficFilters(index, direction));
    attached = tcx.size();
    for (const probe::TrafficFilter& filter : filters) {
      attached += filter.IsOurs() ? 1 : 0;
    }
    return absl::OkStatus();
  }));
  return attached;
}

TEST_CASE("a probe that is killed leaves nothing that the next one does not take over") {
  const ScratchFolder folder;
  const NetworkNamespace network = Require(NetworkNamespace::Create());
  RtpSender sender = Require(RtpSender::Open(network, kPort));
  int run = 0;
  const auto start = [&](const std::string& method) {
    return Require(LoneProbe::Start(
        network,
        {{"INTERFACE", "lo"}, {"AUDIO_PORTS", std::to_string(kPort)}, {"TC_ATTACH", method}},
        fmt::format("{}/probe-{}.log", folder.path(), ++run)));
  };
  // Every way after every way.
  for (const char* const method : {"clsact", "clsact", "tcx", "tcx", "clsact"}) {
    INFO(method << " as number " << run + 1);
    const auto probe = start(method);
    CHECK(Attached(network, CAPTURE_DIRECTION_INGRESS) == 1);
    CHECK(Attached(network, CAPTURE_DIRECTION_EGRESS) == 1);
    // Each packet leaves and arrives, and is seen once each time.
    const double before = Require(probe->Metric("audio_latency_probe_signatures_total"));
    Require(sender.Send(1, 50));
    CHECK(Require(probe->Metric("audio_latency_probe_signatures_total")) > before + 80);
    REQUIRE(kill(probe->pid(), SIGKILL) == 0);
    probe->Wait();
  }
  CHECK(Attached(network, CAPTURE_DIRECTION_INGRESS) == 1);
  start("tcx").reset();
  CHECK(Attached(network, CAPTURE_DIRECTION_INGRESS) == 0);
  CHECK(Attached(network, CAPTURE_DIRECTION_EGRESS) == 0);
}

TEST_CASE("of two probes at once the later one sees, also after the other has ended") {
  const ScratchFolder folder;
  const NetworkNamespace network = Require(NetworkNamespace::Create());
  RtpSender sender = Require(RtpSender::Open(network, kPort));
  const auto start = [&](const std::string& name, const std::string& metrics_port) {
    return Require(LoneProbe::Start(network,
                                    {{"INTERFACE", "lo"},
                                     {"AUDIO_PORTS", std::to_string(kPort)},
                                     {"TC_ATTACH", "clsact"},
                                     {"METRICS_PORT", metrics_port}},
                                    fmt::format("{}/{}.log", folder.path(), name)));
  };
  auto older = start("older", "9190");
  const auto newer = start("newer", "9191");
  CHECK(Attached(network, CAPTURE_DIRECTION_INGRESS) == 1);
  REQUIRE(kill(older->pid(), SIGTERM) == 0);
  older->Wait();
  CHECK(Attached(network, CAPTURE_DIRECTION_INGRESS) == 1);
  CHECK(Attached(network, CAPTURE_DIRECTION_EGRESS) == 1);
  const double before = Require(newer->Metric("audio_latency_probe_signatures_total"));
  Require(sender.Send(1, 50));
  CHECK(Require(newer->Metric("audio_latency_probe_signatures_total")) > before + 80);
}

TEST_CASE("who hides packets from the real probe is in its log, its metrics and in check") {
  const ScratchFolder folder;
  const std::string log = folder.path() + "/probe.log";
  const NetworkNamespace network = Require(NetworkNamespace::Create());
  RtpSender sender = Require(RtpSender::Open(network, kPort));
  constexpr int kTcActOk = 0;
  std::unique_ptr<NeighbourProgram> neighbour;
  Require(network.RunInside([&]() -> absl::Status {
    ASSIGN_OR_RETURN(neighbour, NeighbourProgram::Attach("lo", NeighbourHook::kTcxAfter, kTcActOk));
    return absl::OkStatus();
  }));
  const std::string name = fmt::format("tcx program {}", neighbour->program_id());
  const auto probe = Require(LoneProbe::Start(
      network,
      {{"INTERFACE", "lo"}, {"AUDIO_PORTS", std::to_string(kPort)}, {"TC_ATTACH", "clsact"}}, log));
  const std::string sample = fmt::format(
      "audio_latency_probe_packets_hidden{{interface=\"lo\",direction=\"ingress\",hidden_by=\"{}\"}"
      "}",
      name);
  bool is_told = false;
  for (int i = 0; i < 200 && !is_told; ++i) {
    Require(sender.Send(1, 20));
    is_told = probe->Metric(sample).ok();
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  CHECK(is_told);
  CHECK_THAT(ReadFile(log),
             Catch::Contains("\"event_type\":\"packets_hidden\"") && Catch::Contains(name + " "));

  ProcessOptions check;
  check.arguments = {BuiltProgram("audio-latency-probe"), "check", "--interface=lo"};
  check.network = &network;
  check.environment = {{"TC_ATTACH", "clsact"}};
  CHECK_THAT(Require(RunCommand(check)).output,
             Catch::Contains(fmt::format("lo ingress: {} (neighbour)", name)));
  // At the head, nobody is in front.
  check.environment = {{"TC_ATTACH", "tcx"}};
  CHECK_THAT(Require(RunCommand(check)).output, !Catch::Contains("neighbour"));
}

TEST_CASE("check tells of a qdisc that clsact refuses") {
  const NetworkNamespace network = Require(NetworkNamespace::Create());
  ProcessOptions command;
  command.network = &network;
  command.arguments = {"tc", "qdisc", "add", "dev", "lo", "ingress"};
  REQUIRE(Require(RunCommand(command)).exit_status == 0);
  command.arguments = {BuiltProgram("audio-latency-probe"), "check", "--interface=lo"};
  command.environment = {{"TC_ATTACH", "clsact"}};
  CHECK_THAT(Require(RunCommand(command)).output, Catch::Contains("lo (ingress)"));
  command.environment = {{"TC_ATTACH", "tcx"}};
  CHECK_THAT(Require(RunCommand(command)).output, !Catch::Contains("lo (ingress)"));
}

}  // namespace
}  // namespace audio_latency::lab
