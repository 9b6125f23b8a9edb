// Lists in the texts of options.

#ifndef COMMON_CONFIG_TEXT_H_
#define COMMON_CONFIG_TEXT_H_

#include <string_view>
#include <vector>

namespace audio_latency {

// Without blanks at both ends.
std::string_view TrimBlanks(std::string_view text);

// The items of a comma list, trimmed; empty items are left out. They point into `text`.
std::vector<std::string_view> SplitList(std::string_view text);

}  // namespace audio_latency

#endif  // COMMON_CONFIG_TEXT_H_
