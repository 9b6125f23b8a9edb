#include "tests/interop/result_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "common/status/status_macros.h"

namespace audio_latency::lab {

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(CaseResult, name, relayed_packets, matched_packets, matches,
                                   false_matches, first_false_match, speech_seconds,
                                   covered_seconds, median_error_us, p99_error_us, max_error_us,
                                   median_delay_us, max_delay_us)

absl::Status WriteResult(const CaseResult& result, const std::string& folder) {
  std::error_code ignored;
  std::filesystem::create_directories(folder, ignored);
  const std::string path = fmt::format("{}/{}.json", folder, result.name);
  std::ofstream file(path);
  file << nlohmann::json(result).dump(2) << '\n';
  file.close();
  return file ? absl::OkStatus()
              : absl::InternalError(fmt::format("the result could not be written to {}", path));
}

absl::StatusOr<std::vector<CaseResult>> ReadResults(const std::string& folder) {
  std::vector<CaseResult> results;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (entry.path().extension() != ".json") {
      continue;
    }
    const nlohmann::json json =
        nlohmann::json::parse(std::ifstream(entry.path()), nullptr, /*allow_exceptions=*/false);
    try {
      results.push_back(json.get<CaseResult>());
    } catch (const nlohmann::json::exception& mistake) {
      return absl::InvalidArgumentError(
          fmt::format("{} holds no result: {}", entry.path().string(), mistake.what()));
    }
  }
  if (results.empty()) {
    return absl::NotFoundError(fmt::format("no results in {}; run make interop", folder));
  }
  std::sort(results.begin(), results.end(),
            [](const CaseResult& a, const CaseResult& b) { return a.name < b.name; });
  return results;
}

std::string ResultTable(const std::vector<CaseResult>& results) {
  std::string table =
      fmt::format("{:<36}{:>9}{:>9}{:>9}{:>10}{:>7}{:>12}{:>12}{:>12}{:>12}{:>12}\n", "case",
                  "relayed", "matched", "matches", "coverage", "false", "p50 delay", "max delay",
                  "p50 error", "p99 error", "max error");
  for (const CaseResult& result : results) {
    const std::string coverage =
        result.speech_seconds == 0 ? "-" : fmt::format("{:.1f} %", 100 * result.coverage());
    table += fmt::format(
        "{:<36}{:>9}{:>9}{:>9}{:>10}{:>7}{:>9.1f} us{:>9.1f} us{:>9.1f} us{:>9.1f} us{:>9.1f} us\n",
        result.name, result.relayed_packets, result.matched_packets, result.matches, coverage,
        result.false_matches, result.median_delay_us, result.max_delay_us, result.median_error_us,
        result.p99_error_us, result.max_error_us);
  }
  return table;
}

}  // namespace audio_latency::lab
