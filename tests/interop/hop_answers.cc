#include "tests/interop/hop_answers.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace audio_latency::lab {

absl::StatusOr<std::vector<HopAnswer>> ParseHops(const std::string& json) {
  constexpr double kUsPerSecond = 1e6;
  std::vector<HopAnswer> answers;
  try {
    const nlohmann::json document = nlohmann::json::parse(json);
    for (const nlohmann::json& hop : document.at("hops")) {
      HopAnswer& answer = answers.emplace_back();
      hop.at("kind").get_to(answer.kind);
      hop.at("source").at("pod").get_to(answer.source_pod);
      hop.at("destination").at("pod").get_to(answer.destination_pod);
      hop.at("count").get_to(answer.count);
      const nlohmann::json& delay = hop.at("one_way_delay");
      answer.p50_us = delay.at("p50_seconds").get<double>() * kUsPerSecond;
      answer.max_us = delay.at("max_seconds").get<double>() * kUsPerSecond;
      answer.error_bound_us = hop.at("error_bound_seconds").get<double>() * kUsPerSecond;
    }
  } catch (const nlohmann::json::exception& mistake) {
    return absl::InvalidArgumentError(
        fmt::format("not the hops as JSON: {}: {}", mistake.what(), json.substr(0, 200)));
  }
  return answers;
}

}  // namespace audio_latency::lab
