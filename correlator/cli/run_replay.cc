#include "correlator/cli/run_replay.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/process/interrupt.h"
#include "common/status/status_macros.h"
#include "correlator/cli/answers_to_text.h"
#include "correlator/cli/captures_to_text.h"
#include "correlator/cli/human_units.h"
#include "correlator/cli/json_text.h"
#include "correlator/cli/replay_lines.h"
#include "correlator/endpoints/endpoint_directory.h"
#include "correlator/query/latency_service.h"
#include "correlator/replay/file_replay.h"
#include "correlator/replay/replay.h"

namespace audio_latency::correlator {
namespace {

constexpr int64_t kProgressPeriodNs = 500'000'000;

// "[12 %] 123456 packets", over itself on a terminal.
class ProgressLine {
 public:
  explicit ProgressLine(const Surroundings& surroundings, bool is_asked_for)
      : surroundings_(surroundings),
        is_on_(is_asked_for || surroundings.errors_are_terminal),
        next_ns_(surroundings.realtime.NowNs() + kProgressPeriodNs) {}

  void Show(const ReplayProgress& progress) {
    const int64_t now_ns = surroundings_.realtime.NowNs();
    if (!is_on_ || now_ns < next_ns_) {
      return;
    }
    next_ns_ = now_ns + kProgressPeriodNs;
    const std::string share =
        progress.bytes == 0
            ? ""
            : fmt::format("{:.0f} %, ", 100.0 * static_cast<double>(progress.bytes_read) /
                                            static_cast<double>(progress.bytes));
    surroundings_.errors << fmt::format(
        "{}audio-latency: replayed {}{} packets{}", surroundings_.errors_are_terminal ? "\r" : "",
        share, progress.packets, surroundings_.errors_are_terminal ? "\x1b[K" : "\n");
    surroundings_.errors.flush();
    is_shown_ = true;
  }

  // Takes the line away again.
  void End() {
    if (is_shown_ && surroundings_.errors_are_terminal) {
      surroundings_.errors << "\r\x1b[K" << std::flush;
    }
  }

 private:
  const Surroundings& surroundings_;
  const bool is_on_;
  int64_t next_ns_;
  bool is_shown_ = false;
};

// An answer's list, in the names of the interface. What a live answer says of the clocks behind it
// is not of a replay: its nodes tell the times that the captures were given.
absl::StatusOr<nlohmann::ordered_json> ListOf(const google::protobuf::Message& answer,
                                              const char* name) {
  ASSIGN_OR_RETURN(const std::string text, JsonText(answer, JsonForm::kIndented));
  return nlohmann::ordered_json::parse(text)[name];
}

// The same in every run: a message's maps are written in any order.
void SortDrops(nlohmann::ordered_json* nodes) {
  for (nlohmann::ordered_json& node : *nodes) {
    const std::map<std::string, double> sorted = node["drops"];
    node["drops"] = sorted;
  }
}

// What a correlator would answer, from the same code.
struct Answers {
  v1::ListPathsResponse paths;
  v1::ListHopsResponse hops;
  v1::ListNodesResponse nodes;
};

Answers Ask(Replay* replay) {
  const auto service = MakeLatencyService({.paths = replay->paths(),
                                           .nodes = replay->nodes(),
                                           .flows = replay->flows(),
                                           .monotonic = replay->clock(),
                                           .realtime = replay->clock()});
  Answers answers;
  const v1::ListPathsRequest paths;
  const v1::ListHopsRequest hops;
  const v1::ListNodesRequest nodes;
  service->ListPaths(nullptr, &paths, &answers.paths);
  service->ListHops(nullptr, &hops, &answers.hops);
  service->ListNodes(nullptr, &nodes, &answers.nodes);
  return answers;
}

absl::StatusOr<std::string> AnswersJson(const ReplayCommand& replay, const Answers& answers) {
  nlohmann::ordered_json json;
  if (replay.paths) {
    ASSIGN_OR_RETURN(json["paths"], ListOf(answers.paths, "paths"));
  }
  if (replay.hops) {
    ASSIGN_OR_RETURN(json["hops"], ListOf(answers.hops, "hops"));
  }
  if (replay.paths && replay.hops) {
    ASSIGN_OR_RETURN(json["nodes"], ListOf(answers.nodes, "nodes"));
    SortDrops(&json["nodes"]);
  }
  constexpr int kIndent = 1;
  return json.dump(kIndent) + "\n";
}

// A capture at `any` inside a relay's pod ends so, for one.
constexpr std::string_view kNoWholePath =
    "No path is whole: no audio was seen both where it came from and where it went to. What was "
    "seen "
    "is told as hops; capture the other ends, too.\n";

std::string AnswersText(const ReplayCommand& replay, const Answers& answers,
                        std::span<const CaptureOutcome> outcomes,
                        const Replay::Counters& counters) {
  std::string text = CapturesText(outcomes, answers.nodes.nodes()) + "\n";
  if (answers.paths.paths().empty() && answers.hops.hops().empty()) {
    return text + NothingReplayedText(counters);
  }
  if (replay.paths) {
    text += answers.paths.paths().empty() ? kNoWholePath : PathsText(answers.paths.paths());
  }
  if (replay.paths && replay.hops) {
    text += "\n";
  }
  if (replay.hops) {
    text += HopsText(answers.hops.hops());
  }
  return text;
}

void WriteLines(const std::string& text, std::ostream* errors) {
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = text.find('\n', begin);
    *errors << "audio-latency: " << text.substr(begin, end - begin) << '\n';
    begin = end + 1;
  }
}

}  // namespace

absl::Status RunReplay(const CommandLine& command, const Surroundings& surroundings) {
  const ReplayCommand& asked = command.replay;
  std::unique_ptr<EndpointDirectory> directory = MakeEmptyDirectory();
  if (!asked.endpoints_file.empty()) {
    auto loaded = LoadEndpointFile(asked.endpoints_file);
    if (!loaded.ok()) {
      return absl::Status(loaded.status().code(),
                          fmt::format("--endpoints: {}", Message(loaded.status())));
    }
    directory = *std::move(loaded);
  }
  ReplayLines lines({.events = asked.events, .matches = asked.matches, .as_json = command.as_json},
                    &surroundings.output);
  ASSIGN_OR_RETURN(const std::unique_ptr<Replay> replay,
                   Replay::Create(asked.options, *directory, &lines));
  lines.SetReplay(replay.get());

  ASSIGN_OR_RETURN(const std::unique_ptr<Interrupt> interrupt, Interrupt::Install());
  ProgressLine progress(surroundings, asked.progress);
  const std::vector<CaptureOutcome> outcomes = ReplayFiles(
      asked.files, replay.get(), [&](const ReplayProgress& so_far) { progress.Show(so_far); },
      interrupt->descriptor());
  progress.End();
  interrupt->LetNextOneEnd();

  const bool is_nothing_read = std::all_of(
      outcomes.begin(), outcomes.end(),
      [](const CaptureOutcome& outcome) { return outcome.packets == 0 && !outcome.problem.ok(); });
  if ((asked.paths || asked.hops) && !is_nothing_read) {
    const Answers answers = Ask(replay.get());
    std::string text;
    if (command.as_json) {
      ASSIGN_OR_RETURN(text, AnswersJson(asked, answers));
      if (answers.paths.paths().empty() && answers.hops.hops().empty()) {
        WriteLines(NothingReplayedText(replay->counters()), &surroundings.errors);
      }
    } else {
      text = AnswersText(asked, answers, outcomes, replay->counters());
    }
    surroundings.output << text;
  }
  surroundings.output.flush();
  if (!is_nothing_read) {
    WriteLines(RemarksText(outcomes, replay->counters(), replay->matching_counters()),
               &surroundings.errors);
  }
  size_t damaged = 0;
  bool was_stopped = false;
  std::string problems;
  for (const CaptureOutcome& outcome : outcomes) {
    if (absl::IsCancelled(outcome.problem)) {
      was_stopped = true;
    } else if (!outcome.problem.ok()) {
      ++damaged;
      problems += fmt::format("{} ({} packets were read before)\n", Message(outcome.problem),
                              outcome.packets);
    }
  }
  if (was_stopped) {
    problems += "interrupted: the answer is of what was read until then\n";
  }
  WriteLines(problems, &surroundings.errors);
  return damaged == 0
             ? absl::OkStatus()
             : absl::DataLossError(fmt::format(
                   "{} of {} captures could not be read to the end; the answer is of the rest",
                   damaged, outcomes.size()));
}

}  // namespace audio_latency::correlator
