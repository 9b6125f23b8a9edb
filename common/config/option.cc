#include "common/config/option.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>

#include "common/config/text.h"

namespace audio_latency::config_internal {
namespace {

std::string Lower(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower;
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

absl::StatusOr<int64_t> ParseInteger(std::string_view text, int64_t least, int64_t most) {
  const std::string_view digits = TrimBlanks(text);
  int64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size() || value < least ||
      value > most) {
    return absl::InvalidArgumentError(fmt::format("use a whole number from {} to {}", least, most));
  }
  return value;
}

std::string JoinList(const std::vector<std::string>& parts) {
  return fmt::format("{}", fmt::join(parts, ","));
}

}  // namespace audio_latency::config_internal
