// The texts of options: lists in them, and what is said of them.

#ifndef COMMON_CONFIG_TEXT_H_
#define COMMON_CONFIG_TEXT_H_

#include <string>
#include <string_view>
#include <vector>

namespace audio_latency {

// Without blanks at both ends.
std::string_view TrimBlanks(std::string_view text);

// The items of a comma list, trimmed; empty items are left out. They point into `text`.
std::vector<std::string_view> SplitList(std::string_view text);

// For messages: every control character as \xNN, so that what a file holds cannot break a line of
// the log or colour a terminal.
std::string OneLine(std::string_view text);

}  // namespace audio_latency

#endif  // COMMON_CONFIG_TEXT_H_
