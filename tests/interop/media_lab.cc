#include "tests/interop/media_lab.h"

#include <fmt/format.h>
#include <google/protobuf/util/json_util.h>
#include <signal.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>
#include <utility>

#include "common/status/status_macros.h"
#include "tests/interop/result_table.h"

namespace audio_latency::lab {
namespace {

constexpr int kReadyTimeoutMs = 30'000;
// The correlator waits for late reports before it decides: this long after the last packet, all
// matches have been told.
constexpr std::chrono::milliseconds kSettlingTime{2500};

}  // namespace

absl::StatusOr<std::unique_ptr<MediaLab>> MediaLab::Create(const std::string& name) {
  std::unique_ptr<MediaLab> lab(new MediaLab());
  if (const char* results = std::getenv(kResultFolderVariable); results != nullptr) {
    std::error_code error;
    lab->result_folder_ = std::filesystem::absolute(results, error).string();
    lab->folder_ = fmt::format("{}/{}", *lab->result_folder_, name);
    // Logs of the run before would be taken for this one's.
    std::filesystem::remove_all(lab->folder_, error);
    std::filesystem::create_directories(lab->folder_, error);
    if (error) {
      return absl::InternalError(
          fmt::format("making the folder {}: {}", lab->folder_, error.message()));
    }
  } else {
    lab->folder_ = lab->scratch_.emplace().path();
  }
  ASSIGN_OR_RETURN(lab->cluster_, Cluster::Create());
  ASSIGN_OR_RETURN(lab->node_a_, lab->cluster_->AddNode("node-a"));
  ASSIGN_OR_RETURN(lab->node_b_, lab->cluster_->AddNode("node-b"));
  ASSIGN_OR_RETURN(lab->node_c_, lab->cluster_->AddNode("node-c"));
  ASSIGN_OR_RETURN(lab->deployment_, Deployment::Create(lab->cluster_.get(), lab->folder_));
  return lab;
}

MediaLab::~MediaLab() {
  // Before what it watches ends.
  watcher_.reset();
}

absl::StatusOr<Pod*> MediaLab::AddPod(Node* node, const std::string& name,
                                      const std::string& workload) {
  return cluster_->AddPod(node, name, workload, "voice");
}

absl::StatusOr<Pod*> MediaLab::AddCaller(const std::string& name) {
  return AddPod(node_a_, name, "caller");
}

absl::StatusOr<Pod*> MediaLab::AddRelay(const std::string& name) {
  return AddPod(node_b_, name, "media-relay");
}

absl::StatusOr<Pod*> MediaLab::AddCallee(const std::string& name) {
  return AddPod(node_c_, name, "callee");
}

absl::Status MediaLab::Start() {
  RETURN_IF_ERROR(deployment_->StartCorrelator());
  RETURN_IF_ERROR(deployment_->StartProbes({}));
  RETURN_IF_ERROR(deployment_->WaitUntilReady(kReadyTimeoutMs));
  watcher_ = std::make_unique<MatchWatcher>(
      deployment_->stub(),
      [this](const audio_latency::v1::Trace& trace) { traces_.push_back(trace); });
  for (const auto& pod : cluster_->pods()) {
    for (const Node* node : {node_a_, node_b_, node_c_}) {
      if (node->machine.name == pod->node) {
        ASSIGN_OR_RETURN(Capture capture, Capture::Start(node->machine.network, pod->host_interface,
                                                         "udp", CapturePath(*pod)));
        captures_.push_back(std::move(capture));
      }
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Process*> MediaLab::Run(const Pod& pod, const std::string& name,
                                       std::vector<std::string> arguments) {
  ProcessOptions options;
  options.arguments = std::move(arguments);
  options.network = &pod.network;
  options.log_path = LogPath(name);
  // GStreamer would keep its list of plugins in the user's home.
  options.environment = {{"GST_REGISTRY", folder_ + "/gstreamer-registry.bin"}};
  ASSIGN_OR_RETURN(Process process, Process::Start(options));
  programs_.push_back(std::make_unique<Program>(Program{name, std::move(process)}));
  return &programs_.back()->process;
}

std::string MediaLab::LogPath(const std::string& name) const {
  return fmt::format("{}/{}.log", folder_, name);
}

absl::Status MediaLab::WaitForPort(const Pod& pod, int port, int timeout_ms) const {
  // The kernel's list of the namespace's sockets: "  12: 00000000:4E20 00000000:0000 07 …".
  const std::string local_port = fmt::format(":{:04X} ", port);
  bool is_there = false;
  const auto look = [&] {
    std::ifstream sockets("/proc/thread-self/net/udp");
    for (std::string line; std::getline(sockets, line);) {
      const size_t colon = line.find(": ");
      is_there |= colon != std::string::npos && line.find(local_port, colon + 2) == colon + 2 + 8;
    }
    return absl::OkStatus();
  };
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
  for (;;) {
    RETURN_IF_ERROR(pod.network.RunInside(look));
    if (is_there) {
      return absl::OkStatus();
    }
    if (std::chrono::steady_clock::now() > deadline) {
      return absl::DeadlineExceededError(
          fmt::format("nothing in {} listens on UDP port {}", pod.name, port));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

absl::Status MediaLab::WaitForEnd(Process* process, const std::string& name, int timeout_ms) const {
  const std::optional<int> status = process->Wait(timeout_ms);
  if (!status.has_value()) {
    return absl::DeadlineExceededError(
        fmt::format("{} did not end within {} ms: {}", name, timeout_ms, LastWords(LogPath(name))));
  }
  if (*status != 0) {
    return absl::InternalError(
        fmt::format("{} ended with status {}: {}", name, *status, LastWords(LogPath(name))));
  }
  return absl::OkStatus();
}

absl::Status MediaLab::Finish() {
  std::this_thread::sleep_for(kSettlingTime);
  RETURN_IF_ERROR(deployment_->CheckAlive());
  unseen_matches_ = watcher_->Stop();
  ASSIGN_OR_RETURN(const CommandResult hops, deployment_->RunCommandLine({"hops", "-o", "json"}));
  if (hops.exit_status != 0) {
    return absl::InternalError(fmt::format("audio-latency hops failed: {}", hops.error));
  }
  ASSIGN_OR_RETURN(hops_, ParseHops(hops.output));
  for (const auto& program : programs_) {
    program->process.Signal(SIGTERM);
  }
  programs_.clear();
  for (Capture& capture : captures_) {
    capture.Stop();
  }
  return absl::OkStatus();
}

std::string MediaLab::CapturePath(const Pod& pod) const {
  return fmt::format("{}/{}.pcap", folder_, pod.name);
}

absl::StatusOr<std::vector<RtpRecord>> MediaLab::ReadRelay(const Pod& relay) const {
  return ReadRtp(CapturePath(relay), kFirstMediaPort, kLastMediaPort);
}

absl::StatusOr<std::string> MediaLab::RunReplay(const std::string& what) const {
  ProcessOptions options;
  // The lab's nodes are one machine.
  options.arguments = {
      BuiltProgram("audio-latency"), "-o", "json", "replay", what, "--one-clock", "--endpoints",
      folder_ + "/endpoints.yaml"};
  for (const auto& pod : cluster_->pods()) {
    options.arguments.push_back(fmt::format("{}={}", pod->node, CapturePath(*pod)));
  }
  ASSIGN_OR_RETURN(const CommandResult result, RunCommand(options));
  if (result.exit_status != 0) {
    return absl::InternalError(fmt::format("audio-latency replay failed: {}", result.error));
  }
  return result.output;
}

absl::StatusOr<MediaLab::ReplayAnswer> MediaLab::ReplayCaptures() const {
  ReplayAnswer answer;
  ASSIGN_OR_RETURN(const std::string hops, RunReplay("--hops"));
  ASSIGN_OR_RETURN(answer.hops, ParseHops(hops));
  ASSIGN_OR_RETURN(const std::string matches, RunReplay("--matches"));
  std::istringstream lines(matches);
  for (std::string line; std::getline(lines, line);) {
    if (!google::protobuf::util::JsonStringToMessage(line, &answer.traces.emplace_back()).ok()) {
      return absl::InvalidArgumentError(fmt::format("not a match as JSON: {}", line));
    }
  }
  return answer;
}

absl::Status MediaLab::Keep(const CaseResult& result) const {
  return result_folder_.has_value() ? WriteResult(result, *result_folder_) : absl::OkStatus();
}

}  // namespace audio_latency::lab
