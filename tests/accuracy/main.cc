// `make accuracy`: makes the traffic of every case, replays it through the product's chain, and
// holds what comes out against the truth.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "common/signature/signature_parameters.h"
#include "common/status/status_macros.h"
#include "tests/accuracy/cases.h"
#include "tests/accuracy/product.h"

namespace audio_latency::accuracy {
namespace {

struct Options {
  int seconds = 60;
  uint64_t seed = 1;
  std::string only;
  std::string output;
  std::string keep;
  bool is_list = false;
  SignatureParameters signature;
};

absl::StatusOr<Result> Run(const Case& which, const Options& options) {
  ASSIGN_OR_RETURN(Traffic traffic, MakeTraffic(which.scenario));
  for (size_t i = 0; i < traffic.points.size(); ++i) {
    traffic.points[i].Sort();
    if (!options.keep.empty()) {
      RETURN_IF_ERROR(traffic.points[i].Write(options.keep + "/" + PointName(i) + ".pcap"));
    }
  }
  std::vector<int64_t> offsets_ns(traffic.points.size(), 0);
  if (traffic.points.size() > 1) {
    offsets_ns[1] = -which.scenario.skew_ns;
  }
  Judge judge(traffic.truth, CaptureConfigOf(options.signature));
  ASSIGN_OR_RETURN(const ProductCounts counts,
                   ReplayFiles(traffic.points, offsets_ns, options.signature, &judge));
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

int RunAll(const Options& options) {
  std::vector<Result> results;
  int broken = 0;
  for (const Case& each : AllCases(options.seconds, options.seed)) {
    if (each.name.find(options.only) == std::string::npos) {
      continue;
    }
    if (options.is_list) {
      fmt::print("{}\n", each.name);
      continue;
    }
    const absl::StatusOr<Result> result = Run(each, options);
    if (!result.ok()) {
      fmt::print(stderr, "accuracy: {}: {}\n", each.name, audio_latency::Message(result.status()));
      return 2;
    }
    for (const std::string& bar : BrokenBars(*result)) {
      fmt::print(stderr, "accuracy: {}: {}\n", each.name, bar);
      ++broken;
    }
    results.push_back(*result);
  }
  if (options.is_list) {
    return 0;
  }
  fmt::print("{}", ResultsTable(results));
  if (!options.output.empty() && !WriteText(options.output, ResultsJson(results))) {
    fmt::print(stderr, "accuracy: {} could not be written\n", options.output);
    return 2;
  }
  if (results.empty()) {
    fmt::print(stderr, "accuracy: no case is called like \"{}\"; --list shows them\n",
               options.only);
    return 2;
  }
  if (broken > 0) {
    fmt::print(stderr, "accuracy: {} bars do not hold\n", broken);
    return 1;
  }
  fmt::print("accuracy: all bars hold in all {} cases\n", results.size());
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
  app.add_option("--output", options.output, "file for the results, as JSON");
  app.add_option("--keep", options.keep, "folder for the capture files");
  app.add_option("--window", options.signature.window_size_bytes, "SIGNATURE_WINDOW_SIZE");
  app.add_option("--rate", options.signature.rate_bytes, "SIGNATURE_RATE");
  app.add_flag("--list", options.is_list, "shows the names of the cases");
  CLI11_PARSE(app, argc, argv);
  return audio_latency::accuracy::RunAll(options);
}
