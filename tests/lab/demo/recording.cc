#include "tests/lab/demo/recording.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "common/status/status_macros.h"
#include "nlohmann/json.hpp"
#include "tests/lab/process.h"

namespace audio_latency::lab {
namespace {

using nlohmann::ordered_json;

constexpr const char* kDescription = "recording.json";
// The audio of the calls, and nothing else.
constexpr const char* kFilter = "tcp port 7000 or udp port 5004";

ordered_json ToJson(const TransferReport& report) {
  return {{"bytes", report.bytes},
          {"packets", report.packets},
          {"missing", report.missing},
          {"digest", report.digest}};
}

TransferReport ReportFrom(const ordered_json& json) {
  return {.bytes = json.at("bytes"),
          .packets = json.at("packets"),
          .missing = json.at("missing"),
          .digest = json.at("digest")};
}

ordered_json ToJson(const Recording::RecordedCall& call) {
  ordered_json legs = ordered_json::array();
  for (const Leg& leg : call.truth.legs) {
    legs.push_back({{"source_pod", leg.source_pod},
                    {"destination_pod", leg.destination_pod},
                    {"ssrc", leg.ssrc},
                    {"first_sequence", leg.first_sequence}});
  }
  return {{"path", call.truth.path},
          {"is_rtp", call.truth.is_rtp},
          {"hold_ms", call.hold_ms},
          {"legs", legs},
          {"positions_per_second", call.truth.positions_per_second},
          {"seconds_with_speech", call.truth.seconds_with_speech},
          {"sent", ToJson(call.sent)},
          {"received", ToJson(call.received)}};
}

Recording::RecordedCall CallFrom(const ordered_json& json) {
  Recording::RecordedCall call;
  call.truth.path = json.at("path");
  call.truth.is_rtp = json.at("is_rtp");
  call.hold_ms = json.at("hold_ms");
  for (const ordered_json& leg : json.at("legs")) {
    call.truth.legs.push_back({.source_pod = leg.at("source_pod"),
                               .destination_pod = leg.at("destination_pod"),
                               .ssrc = leg.at("ssrc"),
                               .first_sequence = leg.at("first_sequence")});
  }
  call.truth.positions_per_second = json.at("positions_per_second");
  call.truth.seconds_with_speech = json.at("seconds_with_speech").get<std::vector<bool>>();
  call.sent = ReportFrom(json.at("sent"));
  call.received = ReportFrom(json.at("received"));
  return call;
}

}  // namespace

absl::StatusOr<Recording> ReadRecording(const std::string& folder) {
  const std::string path = folder + "/" + kDescription;
  std::ifstream file(path);
  if (!file) {
    return absl::NotFoundError(
        fmt::format("there is no recording in {}: name its folder with --recording", folder));
  }
  // The parser and at() throw.
  try {
    const ordered_json json = ordered_json::parse(file);
    Recording recording;
    recording.seconds = json.at("seconds");
    for (const ordered_json& entry : json.at("files")) {
      recording.files.push_back({.node = entry.at("node"), .name = entry.at("name")});
    }
    for (const ordered_json& call : json.at("calls")) {
      recording.calls.push_back(CallFrom(call));
    }
    return recording;
  } catch (const ordered_json::exception& error) {
    return absl::InvalidArgumentError(fmt::format("{}: {}; record again", path, error.what()));
  }
}

absl::StatusOr<std::unique_ptr<Recorder>> Recorder::Start(const Cluster& cluster,
                                                          const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) {
    return absl::InternalError(fmt::format("making the folder {}: {}", folder, error.message()));
  }
  std::unique_ptr<Recorder> recorder(
      new Recorder(cluster, std::filesystem::absolute(folder).string()));
  for (const auto& pod : cluster.pods()) {
    const auto node = std::find_if(cluster.nodes().begin(), cluster.nodes().end(),
                                   [&](const auto& one) { return one->machine.name == pod->node; });
    const std::string name = pod->name + ".pcap";
    const std::string path = recorder->folder_ + "/" + name;
    ASSIGN_OR_RETURN(Capture capture,
                     Capture::Start((*node)->machine.network, pod->host_interface, kFilter, path));
    recorder->captures_.push_back(
        {{.node = pod->node, .name = name + ".gz"}, path, std::move(capture)});
  }
  return recorder;
}

absl::Status Recorder::Finish(const std::vector<CallTruth>& truths, const ScenarioResult& result,
                              int seconds) {
  ordered_json json = {
      {"seconds", seconds}, {"files", ordered_json::array()}, {"calls", ordered_json::array()}};
  for (Running& running : captures_) {
    RETURN_IF_ERROR(running.capture.Finish().status());
    ProcessOptions gzip;
    gzip.arguments = {"gzip", "--best", "--no-name", "--force", running.path};
    ASSIGN_OR_RETURN(const CommandResult packed, RunCommand(gzip));
    if (packed.exit_status != 0) {
      return absl::InternalError(fmt::format("gzip {}: {}", running.path, packed.error));
    }
    json["files"].push_back({{"node", running.file.node}, {"name", running.file.name}});
  }
  for (size_t i = 0; i < truths.size(); ++i) {
    json["calls"].push_back(ToJson({.truth = truths[i],
                                    .hold_ms = result.calls[i].hold_ms,
                                    .sent = result.calls[i].sent,
                                    .received = result.calls[i].received}));
  }
  std::ofstream(folder_ + "/endpoints.yaml") << cluster_.EndpointsYaml();
  std::ofstream description(folder_ + "/" + kDescription);
  description << json.dump(1) << '\n';
  return description.good()
             ? absl::OkStatus()
             : absl::InternalError(fmt::format("writing {}/{}", folder_, kDescription));
}

}  // namespace audio_latency::lab
