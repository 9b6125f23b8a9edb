#include "common/logging/startup.h"

#include "common/version/version.h"
#include "fmt/format.h"
#include "nlohmann/json.hpp"

namespace audio_latency {

void LogStartup(std::string_view program,
                const std::vector<std::pair<std::string, std::string>>& effective,
                const std::vector<std::string>& warnings, Logger* logger) {
  nlohmann::json fields = {{"version", std::string(Version())}};
  for (const auto& [name, text] : effective) {
    fields["config"][name] = text;
  }
  logger->Info("startup", fmt::format("Starting {}", program), fields);
  for (const std::string& warning : warnings) {
    logger->Warn("config_warning", warning);
  }
}

}  // namespace audio_latency
