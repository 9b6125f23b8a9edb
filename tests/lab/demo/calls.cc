#include "tests/lab/demo/calls.h"

#include <fmt/format.h>

#include <chrono>
#include <fstream>
#include <iterator>
#include <thread>
#include <utility>

#include "common/status/status_macros.h"
#include "tests/lab/audio/socket.h"
#include "tests/lab/audio/speech.h"
#include "tests/lab/demo/deployment.h"

namespace audio_latency::lab {
namespace {

constexpr int kTcpPort = 7000;
constexpr int kRtpPort = 5004;

// RTP as the two telephones see it; the sequence numbers wrap within the first seconds.
constexpr uint32_t kSourceSsrc = 0x1a2b3c4d;
constexpr uint32_t kRelaySsrc = 0x5e6f7081;
constexpr uint16_t kFirstSequence = 65400;
constexpr uint16_t kSequenceOffset = 23456;
constexpr uint32_t kTimestampOffset = 987654;

// Root mean square of what counts as speech: the product's default SILENCE_THRESHOLD.
constexpr double kSpeechLevel = 256;

std::string FileText(const std::string& path) {
  std::ifstream file(path);
  return std::string((std::istreambuf_iterator<char>(file)), {});
}

}  // namespace

std::string CallPlan::path() const {
  return fmt::format("{} > {} > {}", source->workload, relay->workload, sink->workload);
}

absl::StatusOr<std::unique_ptr<Call>> Call::Start(const CallPlan& plan, const std::string& folder) {
  std::unique_ptr<Call> call(new Call(plan, folder));
  RETURN_IF_ERROR(plan.is_rtp ? call->StartRtp() : call->StartTcp());
  return call;
}

absl::Status Call::StartProgram(const Pod& pod, std::vector<std::string> arguments) {
  ProcessOptions options;
  arguments.insert(arguments.begin(), BuiltProgram("lab-audio"));
  options.arguments = std::move(arguments);
  options.network = &pod.network;
  options.log_path = fmt::format("{}/{}.log", folder_, pod.name);
  ASSIGN_OR_RETURN(Process process, Process::Start(options));
  programs_.push_back({pod.name, options.log_path, std::move(process)});
  return absl::OkStatus();
}

absl::Status Call::StartListener(const Pod& pod, std::vector<std::string> arguments) {
  RETURN_IF_ERROR(StartProgram(pod, std::move(arguments)));
  Program& program = programs_.back();
  constexpr int kTries = 1000;
  for (int i = 0; i < kTries && program.process.IsRunning(); ++i) {
    if (FileText(program.log_path).find(kListening) != std::string::npos) {
      return absl::OkStatus();
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return absl::InternalError(
      fmt::format("{} does not listen: {}", pod.name, LastWords(program.log_path)));
}

std::string Call::ReportPath(const Pod& pod) const {
  return fmt::format("{}/{}.json", folder_, pod.name);
}

absl::Status Call::StartTcp() {
  const std::string port = std::to_string(kTcpPort);
  const auto at = [&port](const Pod& pod) { return fmt::format("{}:{}", pod.address, port); };
  RETURN_IF_ERROR(
      StartListener(*plan_.sink, {"sink", "--listen", port, "--report", ReportPath(*plan_.sink)}));
  RETURN_IF_ERROR(StartListener(*plan_.relay, {"relay", "--listen", port, "--to", at(*plan_.sink),
                                               "--hold-ms", std::to_string(plan_.hold_ms)}));
  return StartProgram(*plan_.source,
                      {"source", "--to", at(*plan_.relay), "--language", plan_.language, "--seed",
                       std::to_string(plan_.seed), "--seconds", std::to_string(plan_.seconds),
                       "--report", ReportPath(*plan_.source)});
}

absl::Status Call::StartRtp() {
  const std::string port = std::to_string(kRtpPort);
  const auto at = [&port](const Pod& pod) { return fmt::format("{}:{}", pod.address, port); };
  RETURN_IF_ERROR(StartListener(
      *plan_.sink, {"rtp-sink", "--listen", port, "--report", ReportPath(*plan_.sink)}));
  RETURN_IF_ERROR(StartListener(
      *plan_.relay,
      {"rtp-relay", "--listen", port, "--to", at(*plan_.sink), "--hold-ms",
       std::to_string(plan_.hold_ms), "--ssrc", std::to_string(kRelaySsrc), "--sequence-offset",
       std::to_string(kSequenceOffset), "--timestamp-offset", std::to_string(kTimestampOffset)}));
  return StartProgram(
      *plan_.source,
      {"rtp-source", "--to", at(*plan_.relay), "--language", plan_.language, "--seed",
       std::to_string(plan_.seed), "--seconds", std::to_string(plan_.seconds), "--ssrc",
       std::to_string(kSourceSsrc), "--first-sequence", std::to_string(kFirstSequence), "--report",
       ReportPath(*plan_.source)});
}

bool Call::IsSpeaking() { return !programs_.empty() && programs_.back().process.IsRunning(); }

absl::StatusOr<Call::Outcome> Call::Finish() {
  // From the speaker on, so that nothing is on its way any more when a listener is told to end.
  for (; !programs_.empty(); programs_.pop_back()) {
    Program& program = programs_.back();
    constexpr int kLastWordsMs = 500;
    std::optional<int> status = program.process.Wait(kLastWordsMs);
    if (!status.has_value()) {
      status = program.process.Terminate();
    }
    if (*status != 0) {
      return absl::InternalError(fmt::format("{} ended with status {}: {}", program.name, *status,
                                             LastWords(program.log_path)));
    }
  }
  Outcome outcome;
  ASSIGN_OR_RETURN(outcome.sent, ReadReport(ReportPath(*plan_.source)));
  ASSIGN_OR_RETURN(outcome.received, ReadReport(ReportPath(*plan_.sink)));
  return outcome;
}

absl::StatusOr<CallTruth> MakeTruth(const CallPlan& plan) {
  constexpr int kSpeechRate = 8000;
  CallTruth truth;
  truth.path = plan.path();
  truth.is_rtp = plan.is_rtp;
  truth.legs = {{plan.source->name, plan.relay->name, kSourceSsrc, kFirstSequence},
                {plan.relay->name, plan.sink->name, kRelaySsrc,
                 static_cast<uint16_t>(kFirstSequence + kSequenceOffset)}};
  truth.positions_per_second = plan.is_rtp ? 50 : 32000;
  ASSIGN_OR_RETURN(const std::vector<int16_t> speech,
                   LoadSpeech({plan.language, plan.seed, plan.seconds}));
  truth.seconds_with_speech = SecondsWithSpeech(speech, kSpeechRate, kSpeechLevel);
  return truth;
}

}  // namespace audio_latency::lab
