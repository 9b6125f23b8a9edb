// `make accuracy`: makes the traffic of every case, replays it through the product's chain, and
// holds what comes out against the truth.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "bpf/capture_abi.h"
#include "common/signature/signature_parameters.h"
#include "common/status/status_macros.h"
#include "tests/accuracy/cases.h"
#include "tests/accuracy/product.h"
#include "tests/lab/scratch_folder.h"
#include "tests/parse_arguments.h"

namespace audio_latency::accuracy {
namespace {

constexpr int kBarsBroken = 1;
constexpr int kCouldNotRun = 2;

struct Options {
  int seconds = 60;
  uint64_t seed = 1;
  std::string only;
  std::string cases_of;
  std::string output;
  std::string keep;
  bool is_list = false;
  bool is_markdown = false;
  SignatureParameters signature;
};

// A folder of `keep` for the capture files of a case.
absl::StatusOr<std::string> KeptFolder(const std::string& keep, std::string name) {
  std::replace_if(
      name.begin(), name.end(),
      [](unsigned char character) { return std::isalnum(character) == 0; }, '-');
  const std::string path = std::filesystem::path(keep) / name;
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) {
    return absl::UnavailableError(fmt::format("{} could not be made: {}", path, error.message()));
  }
  return path;
}

absl::StatusOr<Result> Run(const Case& which, const Options& options) {
  const lab::ScratchFolder scratch;
  std::string folder = scratch.path();
  if (!options.keep.empty()) {
    ASSIGN_OR_RETURN(folder, KeptFolder(options.keep, which.name));
  }
  ASSIGN_OR_RETURN(Traffic traffic, MakeTraffic(which.scenario));
  std::vector<PointFile> files;
  for (size_t i = 0; i < traffic.points.size(); ++i) {
    files.push_back({.path = fmt::format("{}/{}.pcap", folder, PointName(i)),
                     .clock_offset_ns = i == kSkewedPoint ? -which.scenario.skew_ns : 0});
    RETURN_IF_ERROR(traffic.points[i].Write(files.back().path));
  }
  Judge judge(traffic.truth, CaptureConfigOf(options.signature));
  ASSIGN_OR_RETURN(const ProductCounts counts,
                   ReplayPoints(files, options.signature, which.scenario.detects_audio, &judge));
  int64_t passed_seconds = 0;
  for (const CallSpec& call : which.scenario.calls) {
    passed_seconds += call.seconds * static_cast<int64_t>(2 * call.legs.size());
  }
  return Result{.name = which.name,
                .expectation = which.expectation,
                .figures = judge.Finish(),
                .collisions = counts.collisions,
                .events_per_second =
                    static_cast<double>(counts.events) / static_cast<double>(passed_seconds)};
}

bool WriteText(const std::string& path, const std::string& text) {
  std::ofstream file(path);
  file << text;
  file.close();
  return !file.fail();
}

// The names in the first column of the tables of a Markdown file that begin with "| case |".
absl::StatusOr<std::set<std::string>> CasesInTable(const std::string& path) {
  std::ifstream file(path);
  std::set<std::string> names;
  bool is_table = false;
  for (std::string line; std::getline(file, line);) {
    const size_t end = line.find(" |");
    if (!line.starts_with("| ") || end == std::string::npos || end < 2) {
      is_table = false;
      continue;
    }
    const std::string name = line.substr(2, end - 2);
    if (is_table && name != "---") {
      names.insert(name);
    }
    is_table |= name == "case";
  }
  if (names.empty()) {
    return absl::NotFoundError(fmt::format("{} has no table of cases", path));
  }
  return names;
}

absl::StatusOr<std::vector<Case>> ChosenCases(const Options& options) {
  std::vector<Case> cases = AllCases(options.seconds, options.seed);
  std::erase_if(
      cases, [&](const Case& each) { return each.name.find(options.only) == std::string::npos; });
  if (!options.cases_of.empty()) {
    ASSIGN_OR_RETURN(std::set<std::string> names, CasesInTable(options.cases_of));
    std::erase_if(cases, [&](const Case& each) { return names.erase(each.name) == 0; });
    if (!names.empty() && options.only.empty()) {
      return absl::NotFoundError(fmt::format("{} names \"{}\", which is no case; --list shows all",
                                             options.cases_of, *names.begin()));
    }
  }
  if (cases.empty()) {
    return absl::NotFoundError(
        fmt::format("no case has \"{}\" in its name; --list shows all", options.only));
  }
  return cases;
}

int RunCases(const std::vector<Case>& cases, const Options& options) {
  size_t width = 0;
  for (const Case& each : cases) {
    width = std::max(width, each.name.size());
  }
  const TableStyle style = options.is_markdown ? TableStyle::kMarkdown : TableStyle::kPlain;
  fmt::print("{}", TableHeader(width, style));
  std::vector<Result> results;
  std::vector<std::string> broken;
  for (const Case& each : cases) {
    const absl::StatusOr<Result> result = Run(each, options);
    if (!result.ok()) {
      fmt::print(stderr, "accuracy: {}: {}\n", each.name, audio_latency::Message(result.status()));
      return kCouldNotRun;
    }
    fmt::print("{}", TableLine(*result, width, style));
    std::fflush(stdout);
    for (const std::string& bar : BrokenBars(*result)) {
      broken.push_back(fmt::format("{}: {}", each.name, bar));
    }
    results.push_back(*result);
  }
  if (!options.output.empty() && !WriteText(options.output, ResultsJson(results))) {
    fmt::print(stderr, "accuracy: {} could not be written; does its folder exist?\n",
               options.output);
    return kCouldNotRun;
  }
  for (const std::string& bar : broken) {
    fmt::print(stderr, "accuracy: {}\n", bar);
  }
  if (!broken.empty()) {
    fmt::print(stderr, "accuracy: {} bars do not hold\n", broken.size());
    return kBarsBroken;
  }
  fmt::print("accuracy: all bars hold in all {} cases\n", results.size());
  return 0;
}

int Main(const Options& options) {
  const absl::StatusOr<std::vector<Case>> cases = ChosenCases(options);
  if (!cases.ok()) {
    fmt::print(stderr, "accuracy: {}\n", audio_latency::Message(cases.status()));
    return kCouldNotRun;
  }
  if (!options.is_list) {
    return RunCases(*cases, options);
  }
  for (const Case& each : *cases) {
    fmt::print("{}\n", each.name);
  }
  return 0;
}

}  // namespace
}  // namespace audio_latency::accuracy

int main(int argc, char** argv) {
  audio_latency::accuracy::Options options;
  CLI::App app("How well audio is found again, in every way that it travels");
  app.add_option("--seconds", options.seconds, "length of each call")->check(CLI::Range(4, 3600));
  app.add_option("--seed", options.seed, "makes other voices, cuts and losses");
  app.add_option("--case", options.only, "only the cases whose names hold this text");
  app.add_option("--cases-of", options.cases_of,
                 "only the cases that a table in this Markdown file names, README.md for one");
  app.add_option("--output", options.output, "file for the results, as JSON");
  app.add_option("--keep", options.keep, "folder for the capture files");
  app.add_option("--window", options.signature.window_size_bytes, "SIGNATURE_WINDOW_SIZE")
      ->check(CLI::Range(CAPTURE_WINDOW_MIN_BYTES, CAPTURE_WINDOW_MAX_BYTES));
  app.add_option("--rate", options.signature.rate_bytes, "SIGNATURE_RATE")
      ->check(CLI::IsMember({32, 64, 128, 256, 512, 1024, 2048, 4096}));
  app.add_flag("--markdown", options.is_markdown,
               "prints the table as Markdown, as README.md has it");
  app.add_flag("--list", options.is_list, "shows the names of the cases");
  if (const auto status = audio_latency::ParseArguments(&app, argc, argv); status.has_value()) {
    return *status;
  }
  return audio_latency::accuracy::Main(options);
}
