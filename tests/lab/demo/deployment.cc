#include "tests/lab/demo/deployment.h"

#include <fmt/format.h>
#include <grpcpp/grpcpp.h>
#include <signal.h>

#include <chrono>
#include <fstream>
#include <set>
#include <thread>
#include <utility>

#include "common/status/status_macros.h"

namespace audio_latency::lab {

std::string LastWords(const std::string& log_path) {
  std::ifstream file(log_path);
  std::string last;
  for (std::string line; std::getline(file, line);) {
    if (!line.empty()) {
      last = line;
    }
  }
  return last.empty() ? fmt::format("{} is empty", log_path) : last;
}

absl::StatusOr<std::unique_ptr<Deployment>> Deployment::Create(Cluster* cluster,
                                                               const std::string& log_folder,
                                                               DeployedPrograms programs) {
  ASSIGN_OR_RETURN(Machine* const machine, cluster->AddMachine("correlator"));
  return std::unique_ptr<Deployment>(
      new Deployment(cluster, machine, log_folder, std::move(programs)));
}

Deployment::~Deployment() {
  // All at once, so that they take their time together.
  for (const Program& probe : probes_) {
    probe.process.Signal(SIGTERM);
  }
}

absl::StatusOr<Deployment::Program> Deployment::Start(const std::string& name,
                                                      ProcessOptions options) const {
  options.log_path = fmt::format("{}/{}.log", log_folder_, name);
  ASSIGN_OR_RETURN(Process process, Process::Start(options));
  return Program{name, options.log_path, std::move(process)};
}

absl::Status Deployment::StartCorrelator(const std::map<std::string, std::string>& environment) {
  const std::string endpoints_path = log_folder_ + "/endpoints.yaml";
  std::ofstream(endpoints_path) << cluster_->EndpointsYaml();
  ProcessOptions options;
  options.arguments = programs_.correlator;
  options.network = &machine_->network;
  options.environment = environment;
  options.environment.insert({{"GRPC_PORT", std::to_string(kCorrelatorGrpcPort)},
                              {"METRICS_PORT", std::to_string(kMetricsPort)},
                              // The lab's network is its own.
                              {"TLS", "off"},
                              {"ENDPOINTS_FILE", endpoints_path}});
  ASSIGN_OR_RETURN(Program program, Start("correlator", std::move(options)));
  correlator_ = std::make_unique<Program>(std::move(program));
  if (stub_ == nullptr) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000);
    arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 100);
    arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
    stub_ = audio_latency::v1::LatencyService::NewStub(grpc::CreateCustomChannel(
        correlator_address(), grpc::InsecureChannelCredentials(), arguments));
  }
  return absl::OkStatus();
}

absl::Status Deployment::StopCorrelator() {
  if (correlator_ == nullptr) {
    return absl::FailedPreconditionError("the correlator does not run");
  }
  const int status = correlator_->process.Terminate();
  const std::string log_path = correlator_->log_path;
  correlator_.reset();
  if (status != 0) {
    return absl::InternalError(
        fmt::format("the correlator ended with status {}: {}", status, LastWords(log_path)));
  }
  return absl::OkStatus();
}

void Deployment::KillCorrelator() {
  if (correlator_ != nullptr) {
    correlator_->process.Signal(SIGKILL);
    correlator_.reset();
  }
}

void Deployment::SignalCorrelator(int number) const {
  if (correlator_ != nullptr) {
    correlator_->process.Signal(number);
  }
}

absl::Status Deployment::StartProbes(const std::map<std::string, std::string>& environment) {
  for (const auto& node : cluster_->nodes()) {
    ProcessOptions options;
    options.arguments = programs_.probe;
    options.network = &node->machine.network;
    options.environment = environment;
    options.environment.insert({{"INTERFACE", "auto"},
                                {"K8S_NODE_NAME", node->machine.name},
                                {"CORRELATOR_ADDRESS", correlator_address()},
                                {"TLS", "off"},
                                {"METRICS_PORT", std::to_string(kMetricsPort)}});
    ASSIGN_OR_RETURN(Program program, Start("probe-" + node->machine.name, std::move(options)));
    probes_.push_back(std::move(program));
  }
  return absl::OkStatus();
}

void Deployment::KillProbes() {
  for (Program& probe : probes_) {
    probe.process.Signal(SIGKILL);
  }
  probes_.clear();
}

absl::Status Deployment::StopProbes() {
  constexpr int kStopMs = 20'000;
  for (const Program& probe : probes_) {
    probe.process.Signal(SIGTERM);
  }
  absl::Status result;
  for (Program& probe : probes_) {
    // A second signal would make it end at once.
    const std::optional<int> status = probe.process.Wait(kStopMs);
    if (status != 0) {
      result =
          absl::InternalError(fmt::format("{} ended with status {} (-1: not yet): {}", probe.name,
                                          status.value_or(-1), LastWords(probe.log_path)));
    }
  }
  probes_.clear();
  return result;
}

absl::Status Deployment::CheckAlive() {
  const auto check = [](Program* program) {
    const std::optional<int> status = program->process.Wait(0);
    return status.has_value()
               ? absl::InternalError(fmt::format("{} ended with status {}: {}", program->name,
                                                 *status, LastWords(program->log_path)))
               : absl::OkStatus();
  };
  if (correlator_ != nullptr) {
    RETURN_IF_ERROR(check(correlator_.get()));
  }
  for (Program& probe : probes_) {
    RETURN_IF_ERROR(check(&probe));
  }
  return absl::OkStatus();
}

absl::Status Deployment::AskWhetherReady() {
  grpc::ClientContext context;
  // The first call may come before the correlator listens. Calls that fail at once would leave the
  // channel's next connections unattended until their time is over.
  context.set_wait_for_ready(true);
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(2));
  audio_latency::v1::ListNodesResponse response;
  const grpc::Status status = stub_->ListNodes(&context, {}, &response);
  if (!status.ok()) {
    return absl::UnavailableError(
        fmt::format("the correlator does not answer: {}", status.error_message()));
  }
  std::set<std::string> waiting;
  for (const auto& node : cluster_->nodes()) {
    waiting.insert(node->machine.name);
  }
  for (const audio_latency::v1::Node& node : response.nodes()) {
    if (node.connected() && node.clock_state() == "good") {
      waiting.erase(node.node());
    }
  }
  if (!waiting.empty()) {
    return absl::UnavailableError(
        fmt::format("{} is not connected or its clock is not yet good", *waiting.begin()));
  }
  return absl::OkStatus();
}

absl::Status Deployment::WaitUntilReady(int timeout_ms) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
  for (;;) {
    RETURN_IF_ERROR(CheckAlive());
    absl::Status ready = AskWhetherReady();
    if (ready.ok()) {
      return ready;
    }
    if (std::chrono::steady_clock::now() > deadline) {
      return absl::DeadlineExceededError(
          fmt::format("after {} ms {}; see {}", timeout_ms, Message(ready), log_folder_));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
}

absl::StatusOr<CommandResult> Deployment::RunCommandLine(std::vector<std::string> arguments) const {
  ProcessOptions options;
  arguments.insert(arguments.begin(), programs_.command_line.begin(), programs_.command_line.end());
  options.arguments = std::move(arguments);
  options.environment = {{"AUDIO_LATENCY_SERVER", correlator_address()},
                         {"AUDIO_LATENCY_PLAIN_TEXT", "true"}};
  return RunCommand(options);
}

absl::StatusOr<std::string> Deployment::FetchMetrics(const std::string& address) const {
  ProcessOptions options;
  options.arguments = {"curl", "-sSf", "-m", "5",
                       fmt::format("http://{}:{}/metrics", address, kMetricsPort)};
  ASSIGN_OR_RETURN(const CommandResult result, RunCommand(options));
  if (result.exit_status != 0) {
    return absl::UnavailableError(fmt::format("no metrics from {}: {}", address, result.error));
  }
  return result.output;
}

std::string Deployment::correlator_address() const {
  return fmt::format("{}:{}", machine_->address, kCorrelatorGrpcPort);
}

std::vector<Deployment::Usage> Deployment::Usages() const {
  std::vector<Usage> usages;
  const auto add = [&usages](const Program& program) {
    if (const absl::StatusOr<ResourceUsage> usage = program.process.Usage(); usage.ok()) {
      usages.push_back({program.name, *usage});
    }
  };
  if (correlator_ != nullptr) {
    add(*correlator_);
  }
  for (const Program& probe : probes_) {
    add(probe);
  }
  return usages;
}

}  // namespace audio_latency::lab
