// What a program says of itself first.

#ifndef COMMON_LOGGING_STARTUP_H_
#define COMMON_LOGGING_STARTUP_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/logging/logger.h"

namespace audio_latency {

// One line "startup" with the version and the options in use (ConfigParser::Effective), then one
// "config_warning" for each of `warnings`.
void LogStartup(std::string_view program,
                const std::vector<std::pair<std::string, std::string>>& effective,
                const std::vector<std::string>& warnings, Logger* logger);

}  // namespace audio_latency

#endif  // COMMON_LOGGING_STARTUP_H_
