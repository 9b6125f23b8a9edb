#include "correlator/cli/run.h"

#include <fmt/format.h>

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/status/status_macros.h"
#include "correlator/cli/answers_to_text.h"
#include "correlator/cli/client.h"
#include "correlator/cli/command_line.h"
#include "correlator/cli/json_text.h"
#include "correlator/cli/run_replay.h"

namespace audio_latency::correlator {
namespace {

using Verb = CommandLine::Verb;

constexpr int64_t kNsPerSecond = 1'000'000'000;
// Cursor to the top left, and all below it away.
constexpr const char* kClearScreen = "\x1b[H\x1b[J";

template <typename Request>
Request Filtered(const CommandLine& command) {
  Request request;
  request.set_through(command.through);
  request.set_window_seconds(command.window_seconds);
  return request;
}

// One run of the program.
class Run {
 public:
  Run(const CommandLine& command, const Surroundings& surroundings)
      : command_(command), surroundings_(surroundings) {}

  absl::Status Execute() {
    if (command_.verb != Verb::kShowText) {
      ASSIGN_OR_RETURN(client_, Client::Open({.server = command_.server,
                                              .tls = command_.tls,
                                              .server_name = command_.server_name,
                                              .token_file = command_.token_file}));
    }
    switch (command_.verb) {
      case Verb::kShowText:
        surroundings_.output << command_.text;
        return absl::OkStatus();
      case Verb::kPaths:
        return Paths();
      case Verb::kHops:
        return Hops();
      case Verb::kNodes:
        return Nodes();
      case Verb::kWatch:
        return Watch();
      case Verb::kTrace:
        return command_.follow ? Follow() : Trace();
      case Verb::kReplay:
        return absl::InternalError("a replay asks no correlator");
    }
    return absl::InternalError("unknown command");
  }

 private:
  absl::Status Paths() {
    ASSIGN_OR_RETURN(const v1::ListPathsResponse response,
                     client_->ListPaths(Filtered<v1::ListPathsRequest>(command_)));
    if (command_.as_json) {
      return WriteJson(response, JsonForm::kIndented);
    }
    if (response.paths().empty()) {
      RETURN_IF_ERROR(WriteNothingSeen());
      return Write(ClocksText(response.clocks()));
    }
    return Write(PathsText(response.paths()) + ClocksText(response.clocks()));
  }

  absl::Status Hops() {
    ASSIGN_OR_RETURN(const v1::ListHopsResponse response,
                     client_->ListHops(Filtered<v1::ListHopsRequest>(command_)));
    if (command_.as_json) {
      return WriteJson(response, JsonForm::kIndented);
    }
    if (response.hops().empty()) {
      RETURN_IF_ERROR(WriteNothingSeen());
      return Write(ClocksText(response.clocks()));
    }
    return Write(HopsText(response.hops()) + ClocksText(response.clocks()));
  }

  absl::Status Nodes() {
    ASSIGN_OR_RETURN(const v1::ListNodesResponse response, client_->ListNodes());
    if (command_.as_json) {
      return WriteJson(response, JsonForm::kIndented);
    }
    return Write(NodesText(response.nodes(), NowUnixSeconds()));
  }

  absl::Status Trace() {
    v1::TraceSignatureRequest request;
    request.set_signature(command_.signature);
    request.set_path(command_.path);
    ASSIGN_OR_RETURN(const v1::TraceSignatureResponse response, client_->TraceSignature(request));
    if (command_.as_json) {
      return WriteJson(response, JsonForm::kIndented);
    }
    return Write(TracesText(response.traces()) + ClocksText(response.clocks()));
  }

  absl::Status Watch() {
    auto request = Filtered<v1::WatchPathsRequest>(command_);
    request.set_interval_ms(command_.interval_ms);
    absl::Status written;
    uint32_t answers = 0;
    const absl::Status watched =
        client_->WatchPaths(request, [&](const v1::WatchPathsResponse& response) {
          written = WriteWatched(response);
          return written.ok() && surroundings_.output.good() && ++answers != command_.answers;
        });
    return written.ok() ? watched : written;
  }

  absl::Status WriteWatched(const v1::WatchPathsResponse& response) {
    if (command_.as_json) {
      return WriteJson(response, JsonForm::kOneLine);
    }
    const std::string time = FormatUnixSeconds(surroundings_.realtime.NowNs() / kNsPerSecond);
    const std::string window = command_.window_seconds == 0
                                   ? "since the correlator's start"
                                   : fmt::format("last {} s", command_.window_seconds);
    surroundings_.output << (surroundings_.is_terminal ? kClearScreen : "");
    RETURN_IF_ERROR(Write(fmt::format("{}  {}  {}\n", time, command_.server, window)));
    RETURN_IF_ERROR(response.paths().empty() ? WriteNothingSeen()
                                             : Write(PathsText(response.paths())));
    RETURN_IF_ERROR(Write(ClocksText(response.clocks())));
    return Write(surroundings_.is_terminal ? "" : "\n");
  }

  absl::Status Follow() {
    absl::Status written;
    uint32_t answers = 0;
    const absl::Status watched =
        client_->WatchMatches([&](const v1::WatchMatchesResponse& response) {
          written = WriteFollowed(response, &answers);
          return written.ok() && surroundings_.output.good() &&
                 (command_.answers == 0 || answers < command_.answers);
        });
    return written.ok() ? watched : written;
  }

  absl::Status WriteFollowed(const v1::WatchMatchesResponse& response, uint32_t* answers) {
    if (response.skipped() > 0) {
      surroundings_.errors << fmt::format(
          "audio-latency: {:.0f} matches came faster than they are shown here\n",
          response.skipped());
    }
    for (const v1::Trace& trace : response.traces()) {
      if (command_.answers != 0 && *answers == command_.answers) {
        break;
      }
      ++*answers;
      if (command_.as_json) {
        RETURN_IF_ERROR(WriteJson(trace, JsonForm::kOneLine));
      } else {
        google::protobuf::RepeatedPtrField<v1::Trace> one;
        *one.Add() = trace;
        RETURN_IF_ERROR(Write(TracesText(one) + "\n"));
      }
    }
    return absl::OkStatus();
  }

  absl::Status WriteNothingSeen() {
    ASSIGN_OR_RETURN(const v1::ListNodesResponse nodes, client_->ListNodes());
    return Write(NothingSeenText(nodes.nodes(), command_.through, command_.window_seconds));
  }

  absl::Status WriteJson(const google::protobuf::Message& message, JsonForm form) {
    ASSIGN_OR_RETURN(const std::string text, JsonText(message, form));
    return Write(text);
  }

  absl::Status Write(const std::string& text) {
    surroundings_.output << text << std::flush;
    return absl::OkStatus();
  }

  double NowUnixSeconds() const {
    return static_cast<double>(surroundings_.realtime.NowNs()) / kNsPerSecond;
  }

  const CommandLine& command_;
  const Surroundings& surroundings_;
  std::unique_ptr<Client> client_;
};

}  // namespace

int RunCommandLine(std::span<const char* const> arguments, const Surroundings& surroundings) {
  const absl::StatusOr<CommandLine> command = ParseCommandLine(arguments, surroundings.environment);
  absl::Status status = command.status();
  if (command.ok()) {
    status = command->verb == Verb::kReplay ? RunReplay(*command, surroundings)
                                            : Run(*command, surroundings).Execute();
  }
  // Whatever else went wrong: an answer that nobody got is none.
  if (!surroundings.output.flush().good()) {
    surroundings.errors
        << "audio-latency: the answer could not be written to standard output; make "
           "room on the disk, or check what it is piped to\n";
    return kExitServerError;
  }
  if (status.ok()) {
    return kExitOk;
  }
  surroundings.errors << "audio-latency: " << Message(status) << '\n';
  return status.code() == absl::StatusCode::kInvalidArgument ? kExitUsage : kExitServerError;
}

}  // namespace audio_latency::correlator
