// The program behind `make demo`, from outside.

#include <signal.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <filesystem>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "common/status/status_macros.h"
#include "nlohmann/json.hpp"
#include "tests/lab/process.h"
#include "tests/lab/scratch_folder.h"

namespace audio_latency::lab {
namespace {

ProcessOptions Demo(const std::string& folder, const std::string& seconds) {
  ProcessOptions options;
  options.arguments = {BuiltProgram("lab-demo"), "--seconds", seconds, "--output", folder};
  return options;
}

// The ids of loaded BPF programs.
std::set<std::string> BpfPrograms() {
  ProcessOptions options;
  options.arguments = {"bpftool", "-j", "prog", "show"};
  const absl::StatusOr<CommandResult> result = RunCommand(options);
  REQUIRE(result.ok());
  std::set<std::string> ids;
  for (const nlohmann::json& program : nlohmann::json::parse(result->output)) {
    ids.insert(program.at("id").dump());
  }
  return ids;
}

std::set<std::string> Interfaces() {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator("/sys/class/net")) {
    names.insert(entry.path().filename().string());
  }
  return names;
}

TEST_CASE("the demo ends with 0, tells its promises and keeps its answers") {
  const ScratchFolder folder;
  const absl::StatusOr<CommandResult> result = RunCommand(Demo(folder.path(), "8"), 120'000);
  REQUIRE(result.ok());
  INFO(result->output << result->error);
  CHECK(result->exit_status == 0);
  CHECK(result->output.find("FAIL") == std::string::npos);
  CHECK(result->output.find("promises held") != std::string::npos);
  const nlohmann::json paths = nlohmann::json::parse(ReadFile(folder.path() + "/paths.json"));
  CHECK(paths.at("paths").size() == 2);
  CHECK(ReadFile(folder.path() + "/metrics.txt").find("audio_latency_seconds_bucket{") !=
        std::string::npos);
  CHECK(std::filesystem::exists(folder.path() + "/logs/probe-node-b.log"));
}

TEST_CASE("the demo that is killed leaves no interface and no BPF program") {
  const ScratchFolder folder;
  const std::set<std::string> interfaces = Interfaces();
  const std::set<std::string> programs = BpfPrograms();
  absl::StatusOr<Process> demo = Process::Start(Demo(folder.path(), "60"));
  REQUIRE(demo.ok());
  for (int i = 0; i < 600 && demo->StandardOutput().find("two calls") == std::string::npos; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  std::this_thread::sleep_for(std::chrono::seconds(1));
  REQUIRE(demo->IsRunning());
  CHECK(BpfPrograms().size() > programs.size());
  demo->Signal(SIGKILL);
  CHECK(demo->Wait(5000) == 128 + SIGKILL);
  for (int i = 0; i < 100 && BpfPrograms() != programs; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  CHECK(BpfPrograms() == programs);
  CHECK(Interfaces() == interfaces);
}

// The demo as it is run where eBPF is refused, by what stands before its own arguments.
CommandResult RefusedDemo(const std::vector<std::string>& prefix, const std::string& folder) {
  ProcessOptions options = Demo(folder, "8");
  options.arguments.insert(options.arguments.end(),
                           {"--recording", AUDIO_LATENCY_TEST_DATA "/demo"});
  options.arguments.insert(options.arguments.begin(), prefix.begin(), prefix.end());
  absl::StatusOr<CommandResult> result = RunCommand(options);
  REQUIRE(result.ok());
  return *std::move(result);
}

TEST_CASE("the demo where eBPF is refused says so and answers from a recording") {
  const ScratchFolder folder;
  std::filesystem::permissions(folder.path(), std::filesystem::perms::all);
  const std::vector<std::string> prefix = GENERATE(
      std::vector<std::string>{"setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"},
      std::vector<std::string>{"setpriv", "--bounding-set", "-bpf,-sys_admin,-net_admin"});
  const CommandResult result = RefusedDemo(prefix, folder.path());
  INFO(result.output << result.error);
  CHECK(result.exit_status == 0);
  CHECK(result.error.empty());
  const std::string first_line = result.output.substr(0, result.output.find('\n'));
  CHECK(first_line.find("eBPF programs may not be loaded here") != std::string::npos);
  CHECK(first_line.find("replaying a recording") != std::string::npos);
  CHECK(result.output.find("inside processor-2") != std::string::npos);
  CHECK(result.output.find("FAIL") == std::string::npos);
  CHECK(result.output.find("all 13 promises held") != std::string::npos);
  const nlohmann::json paths = nlohmann::json::parse(ReadFile(folder.path() + "/paths.json"));
  REQUIRE(paths.at("paths").size() == 2);
  CHECK(paths.at("paths")[0].at("hops").size() == 3);
}

TEST_CASE("the refused demo without a recording says what is missing") {
  const ScratchFolder folder;
  ProcessOptions options = Demo(folder.path(), "8");
  options.arguments.insert(options.arguments.end(), {"--recording", folder.path() + "/none"});
  const std::vector<std::string> as_nobody = {"setpriv", "--reuid", "65534",
                                              "--regid", "65534",   "--clear-groups"};
  options.arguments.insert(options.arguments.begin(), as_nobody.begin(), as_nobody.end());
  const absl::StatusOr<CommandResult> result = RunCommand(options);
  REQUIRE(result.ok());
  CHECK(result->exit_status == 1);
  CHECK(result->error.find("there is no recording in") != std::string::npos);
}

TEST_CASE("Ctrl-C ends the demo with one line") {
  const ScratchFolder folder;
  absl::StatusOr<Process> demo = Process::Start(Demo(folder.path(), "60"));
  REQUIRE(demo.ok());
  for (int i = 0; i < 600 && demo->StandardOutput().find("two calls") == std::string::npos; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  REQUIRE(demo->IsRunning());
  demo->Signal(SIGINT);
  CHECK(demo->Wait(10'000) == 128 + SIGINT);
  CHECK(demo->StandardError() == "demo: interrupted; everything it started is ended\n");
}

}  // namespace
}  // namespace audio_latency::lab
