#include "tests/lab/demo/replayed_demo.h"

#include <fmt/format.h>
#include <google/protobuf/util/json_util.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>
#include <vector>

#include "common/status/status_macros.h"
#include "tests/lab/demo/match_audit.h"
#include "tests/lab/demo/recording.h"
#include "tests/lab/process.h"

namespace audio_latency::lab {
namespace {

template <typename Message>
absl::Status FromJson(const std::string& text, Message* message) {
  const auto status = google::protobuf::util::JsonStringToMessage(text, message);
  return status.ok() ? absl::OkStatus()
                     : absl::InternalError(fmt::format("audio-latency replay wrote what cannot be "
                                                       "read: {}",
                                                       status.ToString()));
}

// What `audio-latency replay <files> -o json <what>` writes.
absl::StatusOr<std::string> Replay(const Recording& recording, const std::string& folder,
                                   const std::string& what) {
  ProcessOptions options;
  // The lab's nodes are one machine.
  options.arguments = {
      BuiltProgram("audio-latency"), "replay", "-o", "json", what, "--one-clock", "--endpoints",
      folder + "/endpoints.yaml"};
  for (const Recording::File& file : recording.files) {
    options.arguments.push_back(fmt::format("{}={}/{}", file.node, folder, file.name));
  }
  ASSIGN_OR_RETURN(CommandResult result, RunCommand(options));
  if (result.exit_status != 0) {
    return absl::InternalError(fmt::format("audio-latency replay failed: {}", result.error));
  }
  return std::move(result.output);
}

}  // namespace

absl::StatusOr<ScenarioResult> ReplayRecording(const std::string& recording_folder,
                                               const std::string& output_folder) {
  ASSIGN_OR_RETURN(const Recording recording, ReadRecording(recording_folder));
  std::error_code error;
  std::filesystem::create_directories(output_folder, error);
  ScenarioResult result;
  ASSIGN_OR_RETURN(const std::string paths, Replay(recording, recording_folder, "--paths"));
  RETURN_IF_ERROR(FromJson(paths, &result.answer));
  std::ofstream kept(output_folder + "/paths.json");
  kept << paths;
  if (!kept.flush()) {
    return absl::PermissionDeniedError(fmt::format(
        "{}/paths.json cannot be written; name another folder with --output", output_folder));
  }

  std::vector<CallTruth> truths;
  for (const Recording::RecordedCall& call : recording.calls) {
    truths.push_back(call.truth);
  }
  MatchAudit audit(std::move(truths));
  ASSIGN_OR_RETURN(const std::string matches, Replay(recording, recording_folder, "--matches"));
  std::istringstream lines(matches);
  for (std::string line; std::getline(lines, line);) {
    audio_latency::v1::Trace trace;
    RETURN_IF_ERROR(FromJson(line, &trace));
    audit.Add(trace);
  }
  result.matches = audit.matches();
  result.false_matches = audit.false_matches();
  result.first_false_match = audit.first_false_match();
  const std::vector<CallAudit> audits = audit.Calls();
  for (size_t i = 0; i < audits.size(); ++i) {
    const Recording::RecordedCall& call = recording.calls[i];
    result.calls.push_back({call.truth.path, call.hold_ms, call.sent, call.received, audits[i]});
  }
  return result;
}

}  // namespace audio_latency::lab
