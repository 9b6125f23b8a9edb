// make demo: real speech flows through pods on three nodes; how long did the audio take?

#include <fmt/format.h>
#include <grpcpp/client_context.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

#include "common/status/status_macros.h"
#include "tests/lab/demo/figures.h"
#include "tests/lab/demo/live_view.h"
#include "tests/lab/demo/promises.h"
#include "tests/lab/demo/publication.h"
#include "tests/lab/demo/scenario.h"
#include "tests/lab/lab.h"

namespace audio_latency::lab {
namespace {

struct DemoOptions {
  int seconds = 60;
  std::string folder = "build/demo";
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
  RETURN_IF_ERROR(scenario->StartCalls());
  RETURN_IF_ERROR(WatchCalls(scenario.get()));
  Say("the calls are over; waiting for the last matches");
  ASSIGN_OR_RETURN(const ScenarioResult result, scenario->FinishCalls());
  RETURN_IF_ERROR(KeepAnswers(scenario.get(), options.folder));

  const int status = Summarise(result);
  Say("memory and processor time");
  SayUsages(scenario->deployment());
  Say(fmt::format("kept: {0}/paths.json, {0}/metrics.txt, {0}/logs/", options.folder));
  Say("to ask further, run it for longer (DEMO_SECONDS=600 make demo) and meanwhile type:");
  SayAll(commands);
  return status;
}

int Main(const DemoOptions& options) {
  const auto fail = [](const absl::Status& status) {
    std::fflush(stdout);
    fmt::print(stderr, "demo: {}\n", Message(status));
    return EXIT_FAILURE;
  };
  if (geteuid() != 0) {
    return fail(absl::PermissionDeniedError(
        "root is needed to make network namespaces and load eBPF programs; run: sudo make demo"));
  }
  const absl::StatusOr<int> status = Lab::Run([&](const Lab& lab) {
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
  app.add_option("--seconds", options.seconds, "how long the calls last")
      ->check(CLI::Range(5, 86400))
      ->capture_default_str();
  app.add_option("--output", options.folder, "folder for answers and logs")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  return audio_latency::lab::Main(options);
}
