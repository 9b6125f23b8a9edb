#include "common/config/option.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>

namespace audio_latency::config_internal {
namespace {

std::string Lower(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower;
}

std::string_view Trim(std::string_view text) {
  constexpr std::string_view kSpaces = " \t\r\n";
  const size_t begin = text.find_first_not_of(kSpaces);
  if (begin == std::string_view::npos) {
    return {};
  }
  return text.substr(begin, text.find_last_not_of(kSpaces) - begin + 1);
}

}  // namespace

std::string Option::Flag() const {
  std::string flag = "--" + Lower(name);
  std::replace(flag.begin(), flag.end(), '_', '-');
  return flag;
}

std::string Option::FileKey() const { return Lower(name); }

std::string Option::Shown(std::string_view value) const {
  if (!is_secret) {
    return std::string(value);
  }
  return value.empty() ? "" : "(hidden)";
}

absl::StatusOr<bool> ParseBool(std::string_view text) {
  const std::string lower = Lower(Trim(text));
  for (const std::string_view yes : {"true", "yes", "on", "1"}) {
    if (lower == yes) {
      return true;
    }
  }
  for (const std::string_view no : {"false", "no", "off", "0"}) {
    if (lower == no) {
      return false;
    }
  }
  return absl::InvalidArgumentError("use true or false");
}

absl::StatusOr<int64_t> ParseInteger(std::string_view text, int64_t least, int64_t most) {
  const std::string_view digits = Trim(text);
  int64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size() || value < least ||
      value > most) {
    return absl::InvalidArgumentError(fmt::format("use a whole number from {} to {}", least, most));
  }
  return value;
}

std::vector<std::string> ParseList(std::string_view text) {
  std::vector<std::string> parts;
  while (true) {
    const size_t comma = text.find(',');
    const std::string_view part = Trim(text.substr(0, comma));
    if (!part.empty()) {
      parts.emplace_back(part);
    }
    if (comma == std::string_view::npos) {
      return parts;
    }
    text.remove_prefix(comma + 1);
  }
}

std::string JoinList(const std::vector<std::string>& parts) {
  return fmt::format("{}", fmt::join(parts, ","));
}

}  // namespace audio_latency::config_internal
