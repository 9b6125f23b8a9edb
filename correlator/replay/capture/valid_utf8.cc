#include "correlator/replay/capture/valid_utf8.h"

#include <nlohmann/json.hpp>

namespace audio_latency::correlator {

std::string ValidUtf8(const std::string& text) {
  // Written and read again as a string of JSON, which must be UTF-8.
  return nlohmann::json::parse(
      nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

}  // namespace audio_latency::correlator
