// Faults while audio streams run. At the end every event that was signed has come, or is among
// those that were counted as dropped, and which.

#include <fmt/format.h>
#include <signal.h>
#include <sys/mount.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "common/loss/causes.h"
#include "tests/e2e/streams.h"
#include "tests/lab/lab_test.h"
#include "tests/support/eventually.h"

namespace audio_latency::lab {
namespace {

using testing::Eventually;

void Sleep(int milliseconds) {
  std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
}

// `AUDIO_LATENCY_OUTAGE_SECONDS=60` runs the long form of what is short in the suite: longer than a
// probe takes to give the connection up (15 s), and than the matching window (10 s).
int OutageSeconds() {
  const char* const seconds = std::getenv("AUDIO_LATENCY_OUTAGE_SECONDS");
  return seconds == nullptr ? 20 : std::atoi(seconds);
}

void CheckAllTaken(const std::vector<Ledger>& ledgers) {
  for (const Ledger& ledger : ledgers) {
    INFO(ledger.Text());
    CHECK(ledger.DroppedInAll() == 0);
    CHECK(ledger.taken == ledger.made);
  }
}

TEST_CASE("a correlator that is killed and comes back has all that was not taken before") {
  StreamSetting setting;
  setting.Start();
  setting.StartStreams();
  Sleep(2000);
  setting.deployment->KillCorrelator();
  Sleep(1500);
  // What the one before acknowledged; nothing can be added to that now.
  std::vector<double> before;
  for (const Node* node : {setting.node_a, setting.node_b}) {
    const std::string page = Require(setting.deployment->FetchMetrics(node->machine.address));
    before.push_back(MetricOn(page, "audio_latency_probe_events_acknowledged_total"));
    CHECK(before.back() > 0);
  }
  const auto restarted = std::chrono::steady_clock::now();
  Require(setting.deployment->StartCorrelator());
  CHECK(Eventually([&] {
    const absl::StatusOr<std::string> page =
        setting.deployment->FetchMetrics(setting.deployment->correlator_machine().address);
    return page.ok() && SumOn(*page, "audio_latency_node_connected") == 2;
  }));
  const std::chrono::duration<double> back = std::chrono::steady_clock::now() - restarted;
  WARN(fmt::format("the probes were back after {:.1f} s", back.count()));
  CHECK(back < std::chrono::seconds(10));
  Sleep(2000);
  setting.StopStreams();
  const std::vector<Ledger> ledgers = setting.SettledLedgers();
  for (size_t i = 0; i < ledgers.size(); ++i) {
    INFO(ledgers[i].Text());
    CHECK(ledgers[i].DroppedInAll() == 0);
    CHECK(before[i] + ledgers[i].taken == ledgers[i].made);
  }
}

TEST_CASE("without network for a while nothing is lost") {
  StreamSetting setting;
  setting.Start();
  setting.StartStreams();
  Sleep(1000);
  Require(setting.cluster->SetLink(setting.deployment->correlator_machine(), false));
  Sleep(OutageSeconds() * 1000);
  Require(setting.cluster->SetLink(setting.deployment->correlator_machine(), true));
  Sleep(1000);
  setting.StopStreams();
  CheckAllTaken(setting.SettledLedgers());
  // It went again, on another connection.
  CHECK(setting.OnProbe("audio_latency_probe_batches_resent_total") > 0);
  CHECK(setting.OnProbe("audio_latency_probe_correlator_connections_total") >= 2);
  // What came after the matching window could not be matched any more, and that is told.
  const MatchingLedger matching = Require(ReadMatchingLedger(*setting.deployment));
  INFO(matching.Text());
  CHECK(matching.dropped.at(kCauseTooLate) > 0);
  CHECK(matching.decided.at("matched") > 0);
  grpc::ClientContext context;
  audio_latency::v1::ListHopsResponse hops;
  REQUIRE(setting.deployment->stub()->ListHops(&context, {}, &hops).ok());
  REQUIRE(hops.hops_size() > 0);
  CHECK(hops.hops(0).lost_share() > 0);
}

TEST_CASE("a correlator that runs a tenth of the time gets everything, later") {
  StreamSetting setting;
  setting.Start();
  setting.StartStreams();
  for (int i = 0; i < 6; ++i) {
    setting.deployment->SignalCorrelator(SIGSTOP);
    Sleep(900);
    setting.deployment->SignalCorrelator(SIGCONT);
    Sleep(100);
  }
  setting.StopStreams();
  const std::vector<Ledger> ledgers = setting.SettledLedgers();
  CheckAllTaken(ledgers);
  for (const Ledger& ledger : ledgers) {
    CHECK(ledger.ring_full == 0);
  }
}

TEST_CASE("a correlator that can take less than comes has all nodes keep the same part") {
  StreamSetting setting(60);
  setting.Start({{"SAMPLE_ABOVE_EVENTS_PER_SECOND", "4000"}});
  setting.StartStreams();
  REQUIRE(Eventually([&] { return setting.OnCorrelator("audio_latency_sampling_share") < 0.5; }));
  CHECK(Eventually([&] {
    return setting.Log("correlator").find("\"correlator_overloaded\"") != std::string::npos &&
           setting.Log("probe-node-a").find("\"sampling_changed\"") != std::string::npos;
  }));
  // The load falls below the limit, and stays there.
  REQUIRE(
      Eventually([&] { return setting.OnCorrelator("audio_latency_events_per_second") < 4000; }));
  const double observations = setting.OnCorrelator("audio_latency_observations_total");
  const double matches = setting.OnCorrelator("audio_latency_matches_total");
  Sleep(3000);
  const double more_observations =
      setting.OnCorrelator("audio_latency_observations_total") - observations;
  const double more_matches = setting.OnCorrelator("audio_latency_matches_total") - matches;
  // Each piece is seen at four points: what is kept at one is kept at all.
  INFO(more_observations << " observations, " << more_matches << " matches");
  CHECK(more_matches > 50);
  CHECK(more_observations < 5 * more_matches);

  audio_latency::v1::ListNodesResponse nodes;
  audio_latency::v1::ListHopsResponse hops;
  {
    grpc::ClientContext context;
    REQUIRE(setting.deployment->stub()->ListNodes(&context, {}, &nodes).ok());
  }
  {
    grpc::ClientContext context;
    REQUIRE(setting.deployment->stub()->ListHops(&context, {}, &hops).ok());
  }
  REQUIRE(nodes.nodes_size() == 2);
  CHECK(nodes.nodes(0).sampling_share() < 0.5);
  REQUIRE(hops.hops_size() > 0);
  CHECK(hops.hops(0).sampling_share() < 0.5);

  setting.StopStreams();
  for (const Ledger& ledger : setting.SettledLedgers()) {
    INFO(ledger.Text());
    CHECK(ledger.taken == ledger.acknowledged);
  }
  // The load is gone: the share rises again.
  const double lowest = setting.OnCorrelator("audio_latency_sampling_share");
  CHECK(Eventually([&] { return setting.OnCorrelator("audio_latency_sampling_share") > lowest; }));
  CHECK(setting.Log("correlator").find("\"correlator_relieved\"") != std::string::npos);
}

TEST_CASE("what a full ring could not hold is counted, and told in every answer") {
  StreamSetting setting(200);
  setting.Start({}, {{"PERF_BUFFER_SIZE", "1"}});
  setting.StartStreams();
  Sleep(3000);
  setting.StopStreams();
  const std::vector<Ledger> ledgers = setting.SettledLedgers();
  CHECK(ledgers[0].ring_full + ledgers[1].ring_full > 0);
  for (size_t i = 0; i < ledgers.size(); ++i) {
    INFO(ledgers[i].Text());
    CHECK(ledgers[i].taken == ledgers[i].made);
    const std::string sample = fmt::format(
        "audio_latency_node_drops_total{{node=\"{}\",cause=\"ring_full\",lost=\"true\"}}",
        i == 0 ? "node-a" : "node-b");
    CHECK(Eventually([&] { return setting.OnCorrelator(sample) == ledgers[i].ring_full; }));
  }
  grpc::ClientContext context;
  audio_latency::v1::ListHopsResponse hops;
  REQUIRE(setting.deployment->stub()->ListHops(&context, {}, &hops).ok());
  REQUIRE(hops.hops_size() > 0);
  CHECK(hops.hops(0).lost_share() > 0);
}

TEST_CASE("what a killed probe had not sent is counted as lost; the next one loses nothing") {
  StreamSetting setting;
  // Far less than comes, so that credit is withheld at once, for two seconds at least.
  setting.Start({{"SAMPLE_ABOVE_EVENTS_PER_SECOND", "100"}});
  setting.StartStreams();
  REQUIRE(
      Eventually([&] { return setting.OnCorrelator("audio_latency_credit_withheld_total") > 0; }));
  const auto made_by_now = [&] {
    std::vector<double> made;
    for (const Node* node : {setting.node_a, setting.node_b}) {
      made.push_back(MetricOn(Require(setting.deployment->FetchMetrics(node->machine.address)),
                              "audio_latency_probe_events_total"));
    }
    return made;
  };
  const std::vector<double> made = made_by_now();
  // The clock reports, ten a second, tell of what waits.
  Sleep(700);
  const std::vector<double> made_later = made_by_now();
  REQUIRE(Eventually([&] { return setting.OnCorrelator("audio_latency_pending_events") > 0; }));
  setting.deployment->KillProbes();
  CHECK(Eventually([&] { return setting.OnCorrelator("audio_latency_node_connected") == 0; }));
  std::vector<double> taken_of_first;
  for (const char* node : {"node-a", "node-b"}) {
    taken_of_first.push_back(
        setting.OnCorrelator(fmt::format("audio_latency_node_events_total{{node=\"{}\"}}", node)));
  }
  Require(setting.deployment->StartProbes({{"AUDIO_PORTS", "10000-12000"}}));
  Require(setting.deployment->WaitUntilReady(60'000));
  Sleep(2000);
  setting.StopStreams();
  const std::vector<Ledger> ledgers = setting.SettledLedgers();
  double died_in_all = 0;
  for (size_t i = 0; i < ledgers.size(); ++i) {
    INFO(ledgers[i].Text());
    // Of the first: what it had sent, and what it had told of but not sent. Only what came about
    // after its last report is not in the account.
    const double died = setting.OnCorrelator(
        fmt::format("audio_latency_node_drops_total{{node=\"{}\",cause=\"{}\",lost=\"true\"}}",
                    i == 0 ? "node-a" : "node-b", kCauseProbeDied));
    INFO("made " << made[i] << " taken " << taken_of_first[i] << " died " << died);
    died_in_all += died;
    CHECK(taken_of_first[i] + died >= made[i]);
    // No event is counted twice: killed within seconds of the second look.
    CHECK(taken_of_first[i] + died <= made_later[i] + 4 * (made_later[i] - made[i]));
    CHECK(ledgers[i].DroppedInAll() == 0);
    CHECK(ledgers[i].taken == taken_of_first[i] + ledgers[i].made);
  }
  CHECK(died_in_all > 0);
}

TEST_CASE("probes that are asked to end send what they have first") {
  StreamSetting setting;
  setting.Start();
  setting.StartStreams();
  Sleep(1500);
  Require(setting.deployment->StopProbes());
  setting.StopStreams();
  for (const char* probe : {"probe-node-a", "probe-node-b"}) {
    CHECK(setting.Log(probe).find("\"batches_not_acknowledged\":0") != std::string::npos);
  }
  // Had one kept something back, that would be counted when the next one comes.
  Require(setting.deployment->StartProbes({{"AUDIO_PORTS", "10000-12000"}}));
  Require(setting.deployment->WaitUntilReady(60'000));
  const std::string page =
      Require(setting.deployment->FetchMetrics(setting.deployment->correlator_machine().address));
  for (const char* node : {"node-a", "node-b"}) {
    CHECK(setting.OnCorrelator(fmt::format(
              "audio_latency_node_drops_total{{node=\"{}\",cause=\"{}\",lost=\"true\"}}", node,
              kCauseProbeDied)) == 0);
  }
  CHECK(SumOn(page, "audio_latency_node_events_total") > 0);
}

TEST_CASE("interfaces that go and come back are signed on, and those beside them meanwhile") {
  StreamSetting setting;
  Pod* const sender = Require(setting.cluster->AddPod(setting.node_a, "moving-1", "moving", "v"));
  Pod* const listener =
      Require(setting.cluster->AddPod(setting.node_b, "resting-1", "resting", "v"));
  setting.Start();
  const auto interfaces = [&] {
    return MetricOn(Require(setting.deployment->FetchMetrics(setting.node_a->machine.address)),
                    "audio_latency_probe_interfaces");
  };
  CHECK(Eventually([&] { return interfaces() == 3; }));
  setting.StartStreams();
  bench::MediaLoad moving = Require(bench::MediaLoad::Create(*sender, *listener, 5));
  // Pieces of audio that left the pod whose interface comes and goes.
  const auto signed_of_moving = [&] {
    const std::string page =
        Require(setting.deployment->FetchMetrics(setting.deployment->correlator_machine().address));
    std::istringstream lines(page);
    double count = 0;
    for (std::string line; std::getline(lines, line);) {
      if (line.starts_with("audio_signatures_total{") &&
          line.find("pod=\"moving-1\"") != std::string::npos) {
        count += std::stod(line.substr(line.rfind(' ')));
      }
    }
    return count;
  };
  double before = 0;
  const auto is_signed = [&] {
    // The first packets after an interface has come find no neighbour yet.
    const bool grew = Eventually([&] {
      static_cast<void>(moving.Send(500));
      return signed_of_moving() > before;
    });
    // What is still on the way is not to be taken for what comes after the next change.
    Sleep(1000);
    before = signed_of_moving();
    return grew;
  };
  for (int round = 0; round < 2; ++round) {
    CHECK(is_signed());
    Require(setting.cluster->Unplug(*sender));
    CHECK(Eventually([&] { return interfaces() == 2; }));
    Require(setting.cluster->Plug(*sender));
    CHECK(Eventually([&] { return interfaces() == 3; }));
  }
  CHECK(is_signed());
  setting.StopStreams();
  CheckAllTaken(setting.SettledLedgers());
}

TEST_CASE("a tenth of the packets between probe and correlator lost costs no event") {
  StreamSetting setting;
  setting.Start();
  Require(setting.deployment->correlator_machine().network.RunInside([&]() -> absl::Status {
    for (const char* chain : {"INPUT", "OUTPUT"}) {
      ProcessOptions options;
      options.arguments = {"iptables",
                           "-A",
                           chain,
                           "-p",
                           "tcp",
                           chain[0] == 'I' ? "--dport" : "--sport",
                           std::to_string(kCorrelatorGrpcPort),
                           "-m",
                           "statistic",
                           "--mode",
                           "random",
                           "--probability",
                           "0.1",
                           "-j",
                           "DROP"};
      ASSIGN_OR_RETURN(const CommandResult result, RunCommand(options));
      if (result.exit_status != 0) {
        return absl::InternalError(result.error);
      }
    }
    return absl::OkStatus();
  }));
  setting.StartStreams();
  Sleep(6000);
  setting.StopStreams();
  CheckAllTaken(setting.SettledLedgers());
}

TEST_CASE("logs that a full disk does not take stop nothing") {
  const ScratchFolder folder;
  const std::string full = folder.path() + "/full";
  std::filesystem::create_directory(full);
  REQUIRE(mount("tmpfs", full.c_str(), "tmpfs", 0, "size=256k") == 0);
  {
    StreamSetting setting(20, full);
    // A line an event: more than the disk has room for.
    setting.Start({}, {{"LOG_LEVEL", "trace"}});
    setting.StartStreams();
    CHECK(Eventually([&] { return std::filesystem::space(full).available == 0; }));
    Sleep(1500);
    setting.StopStreams();
    Require(setting.deployment->CheckAlive());
    CheckAllTaken(setting.SettledLedgers());
  }
  CHECK(umount(full.c_str()) == 0);
}

}  // namespace
}  // namespace audio_latency::lab
