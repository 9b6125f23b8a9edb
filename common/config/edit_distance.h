// How far two words are apart. Internal to common/config.

#ifndef COMMON_CONFIG_EDIT_DISTANCE_H_
#define COMMON_CONFIG_EDIT_DISTANCE_H_

#include <cstddef>
#include <string_view>

namespace audio_latency::config_internal {

// Levenshtein: insertions, deletions and replacements of one letter. '-' and '_' are one letter,
// and so are upper and lower case.
size_t EditDistance(std::string_view a, std::string_view b);

}  // namespace audio_latency::config_internal

#endif  // COMMON_CONFIG_EDIT_DISTANCE_H_
