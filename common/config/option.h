// One option of a ConfigParser: its names and how its text is taken. Internal to common/config.

#ifndef COMMON_CONFIG_OPTION_H_
#define COMMON_CONFIG_OPTION_H_

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace audio_latency::config_internal {

struct Option {
  // METRICS_PORT; the flag and the file key are made from it.
  std::string name;
  std::string help;
  // What --help shows of the values: "<0 to 65535>", "<trace|debug|info>", "<text>".
  std::string value_hint;
  // The value in use, as text: the default until Parse finds another.
  std::string text;
  bool is_list = false;
  // Never shown.
  bool is_secret = false;
  // Stores the value; the error tells what is allowed, without naming the option.
  std::function<absl::Status(std::string_view)> parse;

  // --metrics-port
  std::string Flag() const;
  // metrics_port
  std::string FileKey() const;
  // What may be shown of `value`.
  std::string Shown(std::string_view value) const;
};

// The error says what was expected.
absl::StatusOr<int64_t> ParseInteger(std::string_view text, int64_t least, int64_t most);
std::string JoinList(const std::vector<std::string>& parts);

}  // namespace audio_latency::config_internal

#endif  // COMMON_CONFIG_OPTION_H_
