// What cases.h says of results.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

#include "tests/accuracy/cases.h"

namespace audio_latency::accuracy {
namespace {

constexpr double kLeastCoverage = 0.99;
constexpr double kMostMedianErrorUs = 50;
constexpr double kMedian = 0.5;
constexpr double kNinetyNinth = 0.99;

bool IsSpeech(const Result& result) {
  return result.expectation == Expectation::kFollowed ||
         result.expectation == Expectation::kFollowedFully;
}

std::string Percent(std::optional<double> share) {
  if (!share) {
    return "-";
  }
  // Rounded down: 100 % is all.
  return fmt::format("{:.1f} %", std::floor(*share * 1000) / 10);
}

std::string Microseconds(std::optional<double> value) {
  return value ? fmt::format("{:.1f}", *value) : "-";
}

constexpr size_t kColumns = 11;

std::string TableLine(size_t width, const std::array<std::string, kColumns>& cells,
                      TableStyle style) {
  if (style == TableStyle::kMarkdown) {
    return fmt::format("| {} |\n", fmt::join(cells, " | "));
  }
  std::string line = fmt::format("{:<{}}", cells[0], width);
  for (size_t i = 1; i < cells.size(); ++i) {
    line += fmt::format(" {:>10}", cells[i]);
  }
  return line + "\n";
}

// Markdown's sign for columns that are aligned to the right.
std::string RepeatedRight(size_t columns) {
  std::string text;
  for (size_t i = 0; i < columns; ++i) {
    text += " ---: |";
  }
  return text;
}

nlohmann::json OrNull(std::optional<double> value) {
  return value ? nlohmann::json(*value) : nlohmann::json(nullptr);
}

}  // namespace

std::vector<std::string> BrokenBars(const Result& result) {
  const Figures& figures = result.figures;
  std::vector<std::string> broken;
  if (figures.false_matches > 0) {
    broken.push_back(fmt::format("{} of {} matches are false: {}", figures.false_matches,
                                 figures.matches, figures.first_false_match));
  }
  if (IsSpeech(result)) {
    if (figures.Coverage().value_or(0) < kLeastCoverage) {
      broken.push_back(fmt::format("{} of {} seconds with speech are covered ({}), not 99 %",
                                   figures.covered_seconds, figures.seconds_with_sound,
                                   Percent(figures.Coverage())));
    }
    if (!figures.ErrorUs(kMedian) || *figures.ErrorUs(kMedian) > kMostMedianErrorUs) {
      broken.push_back(fmt::format("the median error is {} us, not at most {}",
                                   Microseconds(figures.ErrorUs(kMedian)), kMostMedianErrorUs));
    }
  }
  if (result.expectation == Expectation::kFollowedFully &&
      (figures.expected == 0 || figures.found != figures.expected)) {
    broken.push_back(
        fmt::format("{} of {} signatures were met again", figures.found, figures.expected));
  }
  if (result.expectation == Expectation::kAmbiguousTrap && result.collisions == 0) {
    broken.push_back("what is ambiguous was not counted as a collision");
  }
  return broken;
}

std::string TableHeader(size_t width, TableStyle style) {
  const std::string header =
      TableLine(width,
                {"case", "recall", "of audio", "coverage", "matches", "false", "collisions",
                 "events/s", "median us", "p99 us", "max us"},
                style);
  return style == TableStyle::kPlain ? header
                                     : header + "| --- |" + RepeatedRight(kColumns - 1) + "\n";
}

std::string TableLine(const Result& result, size_t width, TableStyle style) {
  const Figures& figures = result.figures;
  const bool is_speech = IsSpeech(result);
  return TableLine(
      width,
      {result.name, is_speech ? Percent(figures.Recall()) : "-",
       is_speech ? Percent(figures.RecallOfAudio()) : "-",
       is_speech ? Percent(figures.Coverage()) : "-", std::to_string(figures.matches),
       std::to_string(figures.false_matches), std::to_string(result.collisions),
       fmt::format("{:.1f}", result.events_per_second), Microseconds(figures.ErrorUs(kMedian)),
       Microseconds(figures.ErrorUs(kNinetyNinth)), Microseconds(figures.ErrorUs(1))},
      style);
}

std::string ResultsJson(const std::vector<Result>& results) {
  nlohmann::ordered_json all = nlohmann::ordered_json::array();
  for (const Result& result : results) {
    const Figures& figures = result.figures;
    const bool is_speech = IsSpeech(result);
    nlohmann::ordered_json one;
    one["case"] = result.name;
    one["recall"] = OrNull(is_speech ? figures.Recall() : std::nullopt);
    one["coverage"] = OrNull(is_speech ? figures.Coverage() : std::nullopt);
    one["false_matches"] = figures.false_matches;
    one["median_error_us"] = OrNull(figures.ErrorUs(kMedian));
    one["p99_error_us"] = OrNull(figures.ErrorUs(kNinetyNinth));
    all.push_back(std::move(one));
  }
  return all.dump(2) + "\n";
}

}  // namespace audio_latency::accuracy
