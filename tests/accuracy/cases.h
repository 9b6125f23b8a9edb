// The ways that audio travels, and what must hold of each.

#ifndef TESTS_ACCURACY_CASES_H_
#define TESTS_ACCURACY_CASES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/accuracy/judge.h"
#include "tests/accuracy/scenario.h"

namespace audio_latency::accuracy {

enum class Expectation : uint8_t {
  kFollowed,       // speech that must be found again
  kFollowedFully,  // every single piece of it
  kTrap,           // where guessing would be easy: nothing false may be told
  kAmbiguousTrap,  // the same, and what was left open must be counted
};

struct Case {
  std::string name;
  Scenario scenario;
  Expectation expectation = Expectation::kFollowed;
};

// All cases, with calls of `seconds` (at least 4). Another seed makes other voices, cuts and
// losses.
std::vector<Case> AllCases(int seconds, uint64_t seed);

struct Result {
  std::string name;
  Expectation expectation = Expectation::kFollowed;
  Figures figures = {};
  // Signatures that were ambiguous and are not reported.
  uint64_t collisions = 0;
  // Events that a second of audio makes at a point that it passes, signed or not.
  double events_per_second = 0;
};

// What does not hold, one line each; empty: all holds.
std::vector<std::string> BrokenBars(const Result& result);

enum class TableStyle : uint8_t { kPlain, kMarkdown };

// What stands above the lines, ending with a line break; `width` is that of the longest name.
std::string TableHeader(size_t width, TableStyle style);
// The line of a case; what does not apply is "-".
std::string TableLine(const Result& result, size_t width, TableStyle style);
// {"case","recall","coverage","false_matches","median_error_us","p99_error_us"} of each.
std::string ResultsJson(const std::vector<Result>& results);

}  // namespace audio_latency::accuracy

#endif  // TESTS_ACCURACY_CASES_H_
