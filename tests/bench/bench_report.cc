#include "tests/bench/bench_report.h"

#include <fmt/format.h>

#include <cmath>

#include "nlohmann/json.hpp"

namespace audio_latency::bench {
namespace {

bool IsMeasurement(const nlohmann::json& entry) {
  const auto is_number = [&entry](const char* key) {
    return entry.contains(key) && entry[key].is_number();
  };
  const auto is_text = [&entry](const char* key) {
    return entry.contains(key) && entry[key].is_string();
  };
  return entry.is_object() && is_text("name") && is_text("unit") && is_number("min") &&
         is_number("median") && is_number("max");
}

std::string NumberText(double value) {
  const double size = std::abs(value);
  if (size >= 1e6) {
    return fmt::format("{:.2f} M", value / 1e6);
  }
  if (size >= 1e4) {
    return fmt::format("{:.1f} k", value / 1e3);
  }
  return size >= 100 ? fmt::format("{:.0f}", value) : fmt::format("{:.2f}", value);
}

}  // namespace

absl::StatusOr<std::vector<Measurement>> ParseMeasurements(std::string_view json) {
  const nlohmann::json list = nlohmann::json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (!list.is_array()) {
    return absl::InvalidArgumentError("the results are not a JSON list");
  }
  std::vector<Measurement> measurements;
  for (const nlohmann::json& entry : list) {
    if (!IsMeasurement(entry)) {
      return absl::InvalidArgumentError(fmt::format(
          "entry {} is no object of name, unit, min, median and max", measurements.size() + 1));
    }
    measurements.push_back(
        {entry["name"], entry["unit"], entry["min"], entry["median"], entry["max"]});
  }
  return measurements;
}

std::string MeasurementsJson(const std::vector<Measurement>& measurements) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const Measurement& measurement : measurements) {
    list.push_back({{"name", measurement.name},
                    {"unit", measurement.unit},
                    {"min", measurement.min},
                    {"median", measurement.median},
                    {"max", measurement.max}});
  }
  return list.dump(1) + "\n";
}

std::string MeasurementsTable(const std::vector<Measurement>& measurements) {
  static constexpr char kRow[] = "{:<48} {:>12} {:>12} {:>12}  {}\n";
  std::string table = fmt::format(kRow, "benchmark", "min", "median", "max", "unit");
  for (const Measurement& measurement : measurements) {
    table +=
        fmt::format(kRow, measurement.name, NumberText(measurement.min),
                    NumberText(measurement.median), NumberText(measurement.max), measurement.unit);
  }
  return table;
}

}  // namespace audio_latency::bench
