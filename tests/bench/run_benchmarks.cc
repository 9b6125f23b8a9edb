// make bench: runs every benchmark program, keeps the results and prints one table.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "common/status/status_macros.h"
#include "tests/bench/bench_report.h"
#include "tests/lab/process.h"
#include "tests/parse_arguments.h"

namespace audio_latency::bench {
namespace {

constexpr int kSkipped = 77;
constexpr int kTimeoutMs = 600'000;

// Nothing where the program says that it may not run here.
absl::StatusOr<std::vector<Measurement>> Run(const std::string& program,
                                             const std::string& json_path) {
  std::filesystem::remove(json_path);
  lab::ProcessOptions options;
  options.arguments = {lab::BuiltProgram(program), "--json", json_path};
  ASSIGN_OR_RETURN(const lab::CommandResult result, lab::RunCommand(options, kTimeoutMs));
  if (result.exit_status == kSkipped) {
    fmt::print("{}", result.error);
    return std::vector<Measurement>();
  }
  if (result.exit_status != 0) {
    return absl::InternalError(
        fmt::format("{} ended with status {}: {}", program, result.exit_status, result.error));
  }
  std::ifstream file(json_path);
  const std::string json((std::istreambuf_iterator<char>(file)), {});
  std::filesystem::remove(json_path);
  absl::StatusOr<std::vector<Measurement>> measurements = ParseMeasurements(json);
  if (!measurements.ok()) {
    return absl::InternalError(
        fmt::format("results of {}: {}", program, Message(measurements.status())));
  }
  return measurements;
}

int RunAll(const std::string& output) {
  std::vector<Measurement> all;
  int status = EXIT_SUCCESS;
  for (const char* program : {"bench_bpf", "bench_probe", "bench_correlator"}) {
    fmt::print("bench: running {} ...\n", program);
    std::fflush(stdout);
    const absl::StatusOr<std::vector<Measurement>> measurements = Run(program, output + ".part");
    if (measurements.ok()) {
      all.insert(all.end(), measurements->begin(), measurements->end());
    } else {
      fmt::print(stderr, "bench: {}\n", Message(measurements.status()));
      status = EXIT_FAILURE;
    }
  }
  std::ofstream file(output);
  file << MeasurementsJson(all);
  file.close();
  if (!file) {
    fmt::print(stderr, "bench: {} cannot be written\n", output);
    return EXIT_FAILURE;
  }
  fmt::print("{}", MeasurementsTable(all));
  return status;
}

}  // namespace
}  // namespace audio_latency::bench

int main(int argc, char** argv) {
  std::string output = "build/bench.json";
  CLI::App app("Runs every benchmark and prints one table.", "run-benchmarks");
  app.add_option("--output", output, "file for the results")->capture_default_str();
  if (const auto status = audio_latency::ParseArguments(&app, argc, argv); status.has_value()) {
    return *status;
  }
  return audio_latency::bench::RunAll(output);
}
