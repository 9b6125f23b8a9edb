// make demo: real speech flows through pods on three nodes; how long did the audio take?

#include <fmt/format.h>
#include <grpcpp/client_context.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>

#include "common/status/status_macros.h"
#include "tests/lab/demo/figures.h"
#include "tests/lab/demo/live_view.h"
#include "tests/lab/demo/permission.h"
#include "tests/lab/demo/promises.h"
#include "tests/lab/demo/publication.h"
#include "tests/lab/demo/recording.h"
#include "tests/lab/demo/replayed_demo.h"
#include "tests/lab/demo/scenario.h"
#include "tests/lab/lab.h"
#include "tests/parse_arguments.h"

namespace audio_latency::lab {
namespace {

struct DemoOptions {
  int seconds = 60;
  std::string folder = "build/demo";
  // Where a recording of the run is put; empty: none is made.
  std::string record_folder;
  // What is replayed where eBPF is not allowed.
  std::string recording_folder = "tests/data/demo";
};

void Say(const std::string& text) {
  fmt::print("demo: {}\n", text);
  std::fflush(stdout);
}

void SayAll(const std::vector<std::string>& lines) {
  for (const std::string& line : lines) {
    fmt::print("  {}\n", line);
  }
}

// Shows the table each second until everything is said.
absl::Status WatchCalls(Scenario* scenario) {
  LiveView view;
  grpc::ClientContext context;
  const auto started = std::chrono::steady_clock::now();
  const auto reader =
      scenario->deployment().stub()->WatchPaths(&context, audio_latency::v1::WatchPathsRequest());
  audio_latency::v1::WatchPathsResponse response;
  while (scenario->IsSpeaking()) {
    if (!reader->Read(&response)) {
      return absl::UnavailableError(
          fmt::format("the correlator does not answer: {}", reader->Finish().error_message()));
    }
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - started;
    view.Show(response, elapsed.count());
    RETURN_IF_ERROR(scenario->deployment().CheckAlive());
  }
  context.TryCancel();
  reader->Finish();
  return absl::OkStatus();
}

// What the real programs answer, for those who want to look closer.
absl::Status KeepAnswers(Scenario* scenario, const std::string& folder) {
  Deployment& deployment = scenario->deployment();
  ASSIGN_OR_RETURN(const CommandResult paths, deployment.RunCommandLine({"paths", "-o", "json"}));
  if (paths.exit_status != 0) {
    return absl::InternalError(fmt::format("audio-latency paths -o json failed: {}", paths.error));
  }
  std::ofstream(folder + "/paths.json") << paths.output;
  ASSIGN_OR_RETURN(const std::string metrics,
                   deployment.FetchMetrics(deployment.correlator_machine().address));
  std::ofstream(folder + "/metrics.txt") << metrics;
  return absl::OkStatus();
}

// The process status: 0 when everything held.
int Summarise(const ScenarioResult& result) {
  Say("summary");
  SayAll(PathTable(result.answer.paths()));
  Say("promises");
  const std::vector<Promise> promises = CheckPromises(result);
  for (const Promise& promise : promises) {
    fmt::print("  {}  {}\n", promise.held ? "pass" : "FAIL", promise.text);
  }
  const auto broken = std::count_if(promises.begin(), promises.end(),
                                    [](const Promise& promise) { return !promise.held; });
  if (broken > 0) {
    Say(fmt::format("{} of {} promises did not hold; see the lines with FAIL", broken,
                    promises.size()));
    return EXIT_FAILURE;
  }
  Say(fmt::format("all {} promises held", promises.size()));
  return EXIT_SUCCESS;
}

void SayUsages(const Deployment& deployment) {
  for (const Deployment::Usage& usage : deployment.Usages()) {
    fmt::print("  {:<16} {:>6.1f} MB, {:.2f} s of CPU\n", usage.program,
               static_cast<double>(usage.usage.resident_bytes) / 1e6, usage.usage.cpu_seconds);
  }
}

absl::StatusOr<int> RunDemo(const Lab& lab, const DemoOptions& options) {
  ScenarioOptions scenario_options;
  scenario_options.seconds = options.seconds;
  scenario_options.folder = options.folder;
  scenario_options.on_step = Say;
  ASSIGN_OR_RETURN(const std::unique_ptr<Scenario> scenario, Scenario::Start(scenario_options));
  ASSIGN_OR_RETURN(const Publication publication, Publication::Start(lab, scenario.get()));
  const std::vector<std::string> commands = publication.Commands("build/bin");
  Say("while this runs, ask further from another terminal:");
  SayAll(commands);

  Say(
      fmt::format("two calls of {} s: speech over TCP through a processor that holds it 40 ms, and "
                  "over RTP through a relay that holds it 15 ms",
                  options.seconds));
  std::unique_ptr<Recorder> recorder;
  if (!options.record_folder.empty()) {
    ASSIGN_OR_RETURN(recorder, Recorder::Start(scenario->cluster(), options.record_folder));
  }
  RETURN_IF_ERROR(scenario->StartCalls());
  RETURN_IF_ERROR(WatchCalls(scenario.get()));
  Say("the calls are over; waiting for the last matches");
  ASSIGN_OR_RETURN(const ScenarioResult result, scenario->FinishCalls());
  RETURN_IF_ERROR(KeepAnswers(scenario.get(), options.folder));
  if (recorder != nullptr) {
    RETURN_IF_ERROR(recorder->Finish(scenario->truths(), result, options.seconds));
    Say(fmt::format("recorded: {}", options.record_folder));
  }

  const int status = Summarise(result);
  Say("memory and processor time");
  SayUsages(scenario->deployment());
  Say(fmt::format("kept: {0}/paths.json, {0}/metrics.txt, {0}/logs/", options.folder));
  Say("to ask further, run it for longer (DEMO_SECONDS=600 make demo) and meanwhile type:");
  SayAll(commands);
  return status;
}

// Where the kernel does not let us watch: what was recorded where it did.
absl::StatusOr<int> RunReplayed(const absl::Status& reason, const DemoOptions& options) {
  Say(
      fmt::format("{}: replaying a recording of the same calls instead (for the live demo: sudo "
                  "make demo)",
                  Message(reason)));
  Say("the recorded calls have their own length, whatever DEMO_SECONDS says");
  ASSIGN_OR_RETURN(const ScenarioResult result,
                   ReplayRecording(options.recording_folder, options.folder));
  const int status = Summarise(result);
  Say(fmt::format("kept: {}/paths.json", options.folder));
  Say(fmt::format(
      "to ask further: build/bin/audio-latency replay {0}/*.pcap.gz --one-clock --endpoints "
      "{0}/endpoints.yaml",
      options.recording_folder));
  return status;
}

// The process that was started; a signal handler can be told nothing.
volatile pid_t demo_process = 0;

// Ctrl-C reaches every process of the terminal; the first one speaks for all, and the kernel ends
// the lab with it.
void EndOnInterrupt(int /*signal*/) {
  if (getpid() != demo_process) {
    return;
  }
  constexpr std::string_view kLine = "demo: interrupted; everything it started is ended\n";
  constexpr int kStatus = 128 + SIGINT;
  // Nobody to tell: the end is the same.
  _exit(write(STDERR_FILENO, kLine.data(), kLine.size()) < 0 ? EXIT_FAILURE : kStatus);
}

int Main(const DemoOptions& options) {
  const auto fail = [](const absl::Status& status) {
    std::fflush(stdout);
    fmt::print(stderr, "demo: {}\n", Message(status));
    return EXIT_FAILURE;
  };
  const absl::Status allowed = CheckPermissions();
  if (!allowed.ok()) {
    const absl::StatusOr<int> status = RunReplayed(allowed, options);
    return status.ok() ? *status : fail(status.status());
  }
  demo_process = getpid();
  std::signal(SIGINT, EndOnInterrupt);
  const absl::StatusOr<int> status = Lab::Run([&](const Lab& lab) {
    std::signal(SIGINT, SIG_DFL);
    const absl::StatusOr<int> result = RunDemo(lab, options);
    return result.ok() ? *result : fail(result.status());
  });
  return status.ok() ? *status : fail(status.status());
}

}  // namespace
}  // namespace audio_latency::lab

int main(int argc, char** argv) {
  audio_latency::lab::DemoOptions options;
  CLI::App app("Real speech through pods on three nodes: the delay of every hop.", "lab-demo");
  app.add_option("--seconds", options.seconds,
                 "how long the calls last (DEMO_SECONDS of make demo)")
      ->check(CLI::Range(5, 86400))
      ->capture_default_str();
  app.add_option("--output", options.folder, "folder for answers and logs")->capture_default_str();
  app.add_option("--record", options.record_folder, "folder for a recording of the run");
  app.add_option("--recording", options.recording_folder,
                 "folder of the recording that is replayed where eBPF is not allowed")
      ->capture_default_str();
  if (const auto status = audio_latency::ParseArguments(&app, argc, argv); status.has_value()) {
    return *status;
  }
  return audio_latency::lab::Main(options);
}
