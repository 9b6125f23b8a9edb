// What cases.h says of results.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

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

std::string MarkdownLine(const std::vector<std::string>& cells) {
  return fmt::format("| {} |\n", fmt::join(cells, " | "));
}

std::string PlainLine(size_t width, const std::vector<std::string>& cells) {
  std::string line = fmt::format("{:<{}}", cells[0], width);
  for (size_t i = 1; i < cells.size(); ++i) {
    line += fmt::format(" {:>10}", cells[i]);
  }
  return line + "\n";
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
  if (style == TableStyle::kMarkdown) {
    const std::string right = "---:";
    return MarkdownLine({"case", "recall", "of audio", "coverage", "false", "collisions",
                         "error, median / p99"}) +
           MarkdownLine({"---", right, right, right, right, right, right});
  }
  return PlainLine(width, {"case", "recall", "of audio", "coverage", "matches", "false",
                           "collisions", "events/s", "median us", "p99 us", "max us"});
}

std::string TableLine(const Result& result, size_t width, TableStyle style) {
  const Figures& figures = result.figures;
  const bool is_speech = IsSpeech(result);
  const std::string recall = is_speech ? Percent(figures.Recall()) : "-";
  const std::string of_audio = is_speech ? Percent(figures.RecallOfAudio()) : "-";
  const std::string coverage = is_speech ? Percent(figures.Coverage()) : "-";
  const std::string false_matches = std::to_string(figures.false_matches);
  const std::string collisions = std::to_string(result.collisions);
  const std::optional<double> median_us = figures.ErrorUs(kMedian);
  const std::optional<double> p99_us = figures.ErrorUs(kNinetyNinth);
  if (style == TableStyle::kMarkdown) {
    return MarkdownLine(
        {result.name, recall, of_audio, coverage, false_matches, collisions,
         median_us && p99_us ? fmt::format("{:.1f} / {:.1f} us", *median_us, *p99_us) : "-"});
  }
  return PlainLine(
      width, {result.name, recall, of_audio, coverage, std::to_string(figures.matches),
              false_matches, collisions, fmt::format("{:.1f}", result.events_per_second),
              Microseconds(median_us), Microseconds(p99_us), Microseconds(figures.ErrorUs(1))});
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
