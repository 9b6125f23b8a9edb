#include "tests/lab/demo/scenario.h"

#include <fmt/format.h>
#include <grpcpp/client_context.h>

#include <chrono>
#include <filesystem>
#include <thread>
#include <utility>

#include "common/status/status_macros.h"

namespace audio_latency::lab {
namespace {

constexpr int kReadyTimeoutMs = 30'000;
// The correlator waits for late reports before it decides: this long after the last word, all
// matches have been told.
constexpr std::chrono::seconds kSettlingTime{3};

}  // namespace

absl::StatusOr<std::unique_ptr<Scenario>> Scenario::Start(const ScenarioOptions& options) {
  std::unique_ptr<Scenario> scenario(new Scenario(options));
  std::error_code error;
  scenario->log_folder_ = std::filesystem::absolute(options.folder, error) / "logs";
  // Logs of the run before would be taken for this one's.
  std::filesystem::remove_all(scenario->log_folder_, error);
  std::filesystem::create_directories(scenario->log_folder_, error);
  if (error) {
    return absl::InternalError(
        fmt::format("making the folder {}: {}", scenario->log_folder_, error.message()));
  }
  options.on_step("building a cluster: 3 nodes, 6 pods");
  RETURN_IF_ERROR(scenario->BuildCluster());
  options.on_step("starting the correlator and a probe on every node");
  Deployment* const deployment = scenario->deployment_.get();
  RETURN_IF_ERROR(deployment->StartCorrelator());
  std::map<std::string, std::string> probe_environment = options.probe_environment;
  probe_environment.insert({"AUDIO_PORTS", kCallPorts});
  RETURN_IF_ERROR(deployment->StartProbes(probe_environment));
  options.on_step("waiting for the clocks of the nodes");
  RETURN_IF_ERROR(deployment->WaitUntilReady(kReadyTimeoutMs));
  return scenario;
}

absl::Status Scenario::BuildCluster() {
  ASSIGN_OR_RETURN(cluster_, Cluster::Create());
  ASSIGN_OR_RETURN(Node* const node_a, cluster_->AddNode("node-a"));
  ASSIGN_OR_RETURN(Node* const node_b, cluster_->AddNode("node-b"));
  ASSIGN_OR_RETURN(Node* const node_c, cluster_->AddNode("node-c"));
  const auto add = [this](Node* node, const char* name, const char* workload) {
    return cluster_->AddPod(node, name, workload, "voice");
  };
  CallPlan pipeline = {.hold_ms = 40, .seconds = options_.seconds, .language = "en", .seed = 7};
  ASSIGN_OR_RETURN(pipeline.source, add(node_a, "ingress-1", "ingress"));
  ASSIGN_OR_RETURN(pipeline.relay, add(node_b, "processor-2", "processor"));
  ASSIGN_OR_RETURN(pipeline.sink, add(node_c, "egress-3", "egress"));
  CallPlan telephone = {
      .is_rtp = true, .hold_ms = 15, .seconds = options_.seconds, .language = "es", .seed = 8};
  ASSIGN_OR_RETURN(telephone.source, add(node_a, "caller-1", "caller"));
  ASSIGN_OR_RETURN(telephone.relay, add(node_b, "media-relay-1", "media-relay"));
  ASSIGN_OR_RETURN(telephone.sink, add(node_c, "callee-1", "callee"));
  plans_ = {pipeline, telephone};
  ASSIGN_OR_RETURN(deployment_, Deployment::Create(cluster_.get(), log_folder_, options_.programs));
  return absl::OkStatus();
}

absl::Status Scenario::StartCalls() {
  for (const CallPlan& plan : plans_) {
    ASSIGN_OR_RETURN(CallTruth truth, MakeTruth(plan));
    truths_.push_back(std::move(truth));
  }
  audit_.emplace(truths_);
  watcher_ = std::make_unique<MatchWatcher>(
      deployment_->stub(), [this](const audio_latency::v1::Trace& trace) { audit_->Add(trace); });
  for (const CallPlan& plan : plans_) {
    ASSIGN_OR_RETURN(std::unique_ptr<Call> call, Call::Start(plan, log_folder_));
    calls_.push_back(std::move(call));
  }
  return absl::OkStatus();
}

bool Scenario::IsSpeaking() {
  bool is_speaking = false;
  for (const auto& call : calls_) {
    is_speaking = call->IsSpeaking() || is_speaking;
  }
  return is_speaking;
}

absl::StatusOr<ScenarioResult> Scenario::FinishCalls() {
  ScenarioResult result;
  for (const auto& call : calls_) {
    ASSIGN_OR_RETURN(Call::Outcome outcome, call->Finish());
    result.calls.push_back({call->plan().path(), call->plan().hold_ms, std::move(outcome.sent),
                            std::move(outcome.received), CallAudit()});
  }
  std::this_thread::sleep_for(kSettlingTime);
  result.unseen_matches = watcher_->Stop();
  result.matches = audit_->matches();
  result.false_matches = audit_->false_matches();
  result.first_false_match = audit_->first_false_match();
  const std::vector<CallAudit> audits = audit_->Calls();
  for (size_t i = 0; i < audits.size(); ++i) {
    result.calls[i].audit = audits[i];
  }
  calls_.clear();
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(5));
  const grpc::Status status = deployment_->stub()->ListPaths(&context, {}, &result.answer);
  if (!status.ok()) {
    return absl::UnavailableError(
        fmt::format("the correlator does not answer: {}", status.error_message()));
  }
  return result;
}

}  // namespace audio_latency::lab
