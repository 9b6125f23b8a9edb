// The product's version.

#ifndef COMMON_VERSION_VERSION_H_
#define COMMON_VERSION_VERSION_H_

#include <string_view>

namespace audio_latency {

// "0.1.0", from the top CMakeLists.txt.
std::string_view Version();

}  // namespace audio_latency

#endif  // COMMON_VERSION_VERSION_H_
