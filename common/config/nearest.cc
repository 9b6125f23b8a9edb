#include <algorithm>
#include <cctype>
#include <limits>
#include <numeric>

#include "common/config/config.h"
#include "common/config/edit_distance.h"

namespace audio_latency {
namespace {

// A third of the letters may differ, and two always.
constexpr size_t kLettersPerError = 3;
constexpr size_t kErrorsAlwaysAllowed = 2;

// METRICS_PORT or metrics-port in a file is near metrics_port.
char Folded(char c) {
  return c == '-' ? '_' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
}

}  // namespace

namespace config_internal {

size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i + 1;
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t replaced = diagonal + (Folded(a[i]) == Folded(b[j]) ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row[b.size()];
}

}  // namespace config_internal

std::string Nearest(std::string_view text, std::span<const std::string> candidates) {
  std::string_view nearest;
  size_t smallest = std::numeric_limits<size_t>::max();
  for (const std::string& candidate : candidates) {
    const size_t distance = config_internal::EditDistance(text, candidate);
    const size_t allowed = std::max(kErrorsAlwaysAllowed, candidate.size() / kLettersPerError);
    if (distance <= allowed && distance < smallest && distance < candidate.size()) {
      smallest = distance;
      nearest = candidate;
    }
  }
  return std::string(nearest);
}

}  // namespace audio_latency
