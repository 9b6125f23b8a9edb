#include "tests/e2e/lone_probe.h"

#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>
#include <utility>

#include "common/status/status_macros.h"
#include "tests/lab/demo/deployment.h"
#include "tests/lab/scratch_folder.h"

namespace audio_latency::lab {
namespace {

constexpr char kUsualMetricsPort[] = "9090";
constexpr std::chrono::seconds kPatience(20);

absl::StatusOr<std::string> Fetch(const NetworkNamespace& network, const std::string& port,
                                  const std::string& page) {
  ProcessOptions options;
  options.arguments = {"curl", "-sf", "-m", "5", fmt::format("http://127.0.0.1:{}/{}", port, page)};
  options.network = &network;
  ASSIGN_OR_RETURN(const CommandResult result, RunCommand(options));
  if (result.exit_status != 0) {
    return absl::UnavailableError(fmt::format("the probe's page {} does not answer", page));
  }
  return result.output;
}

}  // namespace

absl::StatusOr<std::unique_ptr<LoneProbe>> LoneProbe::Start(
    const NetworkNamespace& network, std::map<std::string, std::string> environment,
    const std::string& log_path, std::vector<std::string> wrapper) {
  ProcessOptions options;
  options.arguments = std::move(wrapper);
  options.arguments.push_back(BuiltProgram("audio-latency-probe"));
  options.environment = std::move(environment);
  const std::string metrics_port =
      options.environment.try_emplace("METRICS_PORT", kUsualMetricsPort).first->second;
  options.network = &network;
  options.log_path = log_path;
  ASSIGN_OR_RETURN(Process process, Process::Start(options));
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (ReadFile(log_path).find("startup_complete") == std::string::npos) {
    if (!process.IsRunning() || std::chrono::steady_clock::now() > deadline) {
      return absl::InternalError("the probe does not capture: " + LastWords(log_path));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return std::unique_ptr<LoneProbe>(new LoneProbe(network, std::move(process), metrics_port));
}

absl::StatusOr<double> LoneProbe::Metric(const std::string& sample) const {
  ASSIGN_OR_RETURN(const std::string page, Fetch(network_, metrics_port_, "metrics"));
  std::istringstream lines(page);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(sample + " ")) {
      return std::strtod(line.c_str() + sample.size(), nullptr);
    }
  }
  return absl::NotFoundError(sample + " is not on the page");
}

uint32_t LoneProbe::MapRoom(uint32_t map_type) const {
  const std::string folder = fmt::format("/proc/{}/fdinfo", process_.pid());
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    std::ifstream file(entry.path());
    uint32_t type = 0;
    uint32_t room = 0;
    for (std::string line; std::getline(file, line);) {
      std::istringstream fields(line);
      std::string name;
      fields >> name;
      if (name == "map_type:") {
        fields >> type;
      } else if (name == "max_entries:") {
        fields >> room;
      }
    }
    if (type == map_type) {
      return room;
    }
  }
  return 0;
}

}  // namespace audio_latency::lab
