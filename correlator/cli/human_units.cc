#include "correlator/cli/human_units.h"

#include <fmt/format.h>

#include <array>
#include <cmath>

namespace audio_latency::correlator {
namespace {

struct Unit {
  double seconds;
  const char* name;
};

constexpr std::array<Unit, 4> kUnits = {{{1, "s"}, {1e-3, "ms"}, {1e-6, "µs"}, {1e-9, "ns"}}};

// 1.23, 12.3, 123.
std::string ThreeDigits(double number) {
  const double magnitude = std::abs(number);
  // What rounds up to the next digit is written with one decimal less.
  const int decimals = magnitude >= 99.95 ? 0 : magnitude >= 9.995 ? 1 : 2;
  return fmt::format("{:.{}f}", number, decimals);
}

}  // namespace

std::string FormatSeconds(double seconds) {
  if (seconds == 0) {
    return "0 µs";
  }
  if (!std::isfinite(seconds)) {
    return "?";
  }
  // 999.5 µs is 1.00 ms.
  constexpr double kRoundsUp = 0.9995;
  for (const Unit& unit : kUnits) {
    if (std::abs(seconds) >= unit.seconds * kRoundsUp) {
      return fmt::format("{} {}", ThreeDigits(seconds / unit.seconds), unit.name);
    }
  }
  return seconds > 0 ? "<1 ns" : ">-1 ns";
}

std::string FormatShare(double share) {
  constexpr double kSmallest = 0.001;
  if (share <= 0) {
    return "0 %";
  }
  if (share >= 1) {
    return "100 %";
  }
  if (share < kSmallest) {
    return "<0.1 %";
  }
  if (share > 1 - kSmallest) {
    return ">99.9 %";
  }
  return fmt::format("{:.1f} %", share * 100);
}

std::string FormatCount(double count) { return fmt::format("{:.0f}", count); }

std::string FormatAge(double unix_seconds, double now_unix_seconds) {
  constexpr double kMinute = 60;
  constexpr double kHour = 60 * kMinute;
  constexpr double kDay = 24 * kHour;
  if (unix_seconds <= 0) {
    return "never";
  }
  const double age = now_unix_seconds - unix_seconds;
  if (age < 1) {
    return "now";
  }
  if (age < kMinute) {
    return fmt::format("{:.0f} s ago", std::floor(age));
  }
  if (age < kHour) {
    return fmt::format("{:.0f} min ago", std::floor(age / kMinute));
  }
  if (age < kDay) {
    return fmt::format("{:.0f} h ago", std::floor(age / kHour));
  }
  return fmt::format("{:.0f} d ago", std::floor(age / kDay));
}

}  // namespace audio_latency::correlator
