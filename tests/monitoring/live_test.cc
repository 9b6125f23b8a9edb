// Every expression of the dashboards and the alerts, asked of a real Prometheus that scrapes the
// real programs while real speech flows through the lab: each has an answer.

#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <fstream>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "tests/e2e/issued_certificates.h"
#include "tests/e2e/lone_probe.h"
#include "tests/e2e/prometheus.h"
#include "tests/e2e/rtp_sender.h"
#include "tests/lab/demo/scenario.h"
#include "tests/lab/devices/neighbour_program.h"
#include "tests/lab/devices/tun_device.h"
#include "tests/lab/lab_test.h"
#include "tests/lab/scratch_folder.h"
#include "tests/monitoring/monitoring_files.h"

namespace audio_latency::monitoring {
namespace {

using lab::Prometheus;
using lab::Require;

constexpr uint16_t kRtpPort = 40000;
constexpr uint16_t kHardwareTypeCan = 280;
constexpr char kCorrelatorMetricsPort[] = "9190";

// Where nobody answers.
constexpr char kKubeconfig[] = R"(
apiVersion: v1
kind: Config
current-context: nowhere
clusters: [{name: nowhere, cluster: {server: "http://127.0.0.1:1"}}]
contexts: [{name: nowhere, context: {cluster: nowhere, user: nobody}}]
users: [{name: nobody, user: {token: none}}]
)";

// Beside the demo, what it has no occasion for: TLS, an API server that is out of reach, another
// program that hides packets from a probe, and an interface that no probe can watch.
class TroubledMachine {
 public:
  TroubledMachine(lab::Machine* machine, const std::string& folder)
      : machine_(*machine), sender_(Require(lab::RtpSender::Open(machine_.network, kRtpPort))) {
    Require(lab::IssueCertificates(folder, machine_.address));
    Require(machine_.network.RunInside([&]() -> absl::Status {
      constexpr int kTcActOk = 0;
      absl::StatusOr<lab::TunDevice> device = lab::TunDevice::Create("tun0", lab::TunMode::kTun);
      if (!device.ok()) {
        return device.status();
      }
      device_ = std::make_unique<lab::TunDevice>(*std::move(device));
      auto neighbour = lab::NeighbourProgram::Attach("lo", lab::NeighbourHook::kTcxAfter, kTcActOk);
      if (!neighbour.ok()) {
        return neighbour.status();
      }
      neighbour_ = *std::move(neighbour);
      return device_->SetHardwareType(kHardwareTypeCan);
    }));
    lab::ProcessOptions correlator;
    correlator.arguments = {lab::BuiltProgram("audio-latency-correlator")};
    correlator.environment = lab::TlsOf(folder, "correlator");
    const std::string kubeconfig = folder + "/kubeconfig";
    std::ofstream(kubeconfig) << kKubeconfig;
    correlator.environment["KUBECONFIG"] = kubeconfig;
    correlator.environment["METRICS_PORT"] = kCorrelatorMetricsPort;  // the probe has the usual one
    correlator.network = &machine_.network;
    correlator.log_path = folder + "/troubled-correlator.log";
    correlator_ = std::make_unique<lab::Process>(Require(lab::Process::Start(correlator)));
    auto probe = lab::TlsOf(folder, "node-a");
    probe.insert({{"CORRELATOR_ADDRESS", machine_.address + ":9095"},
                  {"K8S_NODE_NAME", "node-a"},
                  {"INTERFACE", "lo,tun*"},  // by name it would end the probe
                  {"AUDIO_PORTS", std::to_string(kRtpPort)},
                  {"TC_ATTACH", "clsact"}});
    probe_ =
        Require(lab::LoneProbe::Start(machine_.network, probe, folder + "/troubled-probe.log"));
  }

  // Packets for somebody to hide.
  void Send() { Require(sender_.Send(1, 20)); }

  std::vector<lab::ScrapeJob> ScrapeJobs() const {
    return {{.name = "troubled/audio-latency-correlator",
             .targets = {fmt::format("{}:{}", machine_.address, kCorrelatorMetricsPort)}},
            {.name = "troubled/audio-latency-probe",
             .targets = {fmt::format("{}:{}", machine_.address, lab::kMetricsPort)}}};
  }

 private:
  const lab::Machine& machine_;
  lab::RtpSender sender_;
  std::unique_ptr<lab::TunDevice> device_;
  std::unique_ptr<lab::NeighbourProgram> neighbour_;
  std::unique_ptr<lab::Process> correlator_;
  std::unique_ptr<lab::LoneProbe> probe_;
};

bool HasNumber(const std::vector<Prometheus::Sample>& samples) {
  for (const Prometheus::Sample& sample : samples) {
    if (!std::isnan(sample.value)) {
      return true;
    }
  }
  return false;
}

void CheckHasAnswer(const Prometheus& prometheus, const Expression& expression) {
  CAPTURE(expression.where, expression.text);
  const auto samples = prometheus.Query(expression.text);
  INFO(samples.status().ToString());
  REQUIRE(samples.ok());
  CHECK(HasNumber(*samples));
}

void CheckDashboards(const Prometheus& prometheus) {
  const std::map<std::string, std::string> values = {{"__rate_interval", "1m"},
                                                     {"path", "ingress > processor > egress"},
                                                     {"node", ".*"},
                                                     {"pod", "processor-2"},
                                                     {"workload", ".*"}};
  const auto expressions = DashboardExpressions(values);
  CHECK(expressions.size() > 100);
  for (const Expression& expression : expressions) {
    CheckHasAnswer(prometheus, expression);
  }
}

// What an alert looks at exists; and nobody is alarmed but by the troubles that there are, or by
// how busy the machine is and how much memory the build takes.
void CheckAlerts(const Prometheus& prometheus) {
  const std::set<std::string> troubles = {"AudioLatencyInterfaceRefused",
                                          "AudioLatencyKubernetesNotSynced",
                                          "AudioLatencyPacketsHidden"};
  const std::set<std::string> of_the_machine = {
      "AudioLatencyClockErrorLarge", "AudioLatencyCorrelatorLoses", "AudioLatencyKubernetesErrors",
      "AudioLatencySampling", "AudioLatencyTrackerHighMemory"};
  for (const Alert& alert : Alerts()) {
    CheckHasAnswer(prometheus, {alert.name, WithoutComparisons(alert.expression)});
    for (const std::string& name : MetricNames(alert.expression)) {
      CheckHasAnswer(prometheus, {alert.name, fmt::format("count({{__name__=\"{}\"}})", name)});
    }
    if (!of_the_machine.contains(alert.name)) {
      CAPTURE(alert.name, alert.expression);
      CHECK(Require(prometheus.Query(alert.expression)).empty() == !troubles.contains(alert.name));
    }
  }
}

void CheckPages(lab::Scenario* scenario) {
  const lab::Deployment& deployment = scenario->deployment();
  Require(
      lab::CheckMetrics(Require(deployment.FetchMetrics(deployment.correlator_machine().address))));
  for (const auto& node : scenario->cluster().nodes()) {
    CAPTURE(node->machine.name);
    Require(lab::CheckMetrics(Require(deployment.FetchMetrics(node->machine.address))));
  }
}

TEST_CASE("every expression of the dashboards and alerts has an answer while the product runs") {
  const lab::ScratchFolder folder;
  lab::ScenarioOptions options;
  options.seconds = 20;
  options.folder = folder.path();
  const std::unique_ptr<lab::Scenario> scenario = Require(lab::Scenario::Start(options));
  lab::Machine* const machine = Require(scenario->cluster().AddMachine("troubled"));
  TroubledMachine troubled(machine, folder.path());
  std::vector<lab::ScrapeJob> jobs = lab::ScrapeJobs(scenario->cluster(), scenario->deployment());
  for (lab::ScrapeJob& job : troubled.ScrapeJobs()) {
    jobs.push_back(std::move(job));
  }
  const Prometheus prometheus = Require(Prometheus::Start(jobs, folder.path()));

  Require(scenario->StartCalls());
  while (scenario->IsSpeaking()) {
    Require(scenario->deployment().CheckAlive());
    troubled.Send();
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  Require(scenario->FinishCalls());
  CheckDashboards(prometheus);
  CheckAlerts(prometheus);
  CheckPages(scenario.get());
}

}  // namespace
}  // namespace audio_latency::monitoring
