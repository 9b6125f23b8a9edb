#include "correlator/server/refusals.h"

namespace audio_latency::correlator {

std::vector<std::pair<std::string, uint64_t>> RefusalCounters::All() const {
  constexpr const char* kNames[] = {
#define SERVER_REFUSAL_NAME(constant, name) name,
      SERVER_REFUSALS(SERVER_REFUSAL_NAME)
#undef SERVER_REFUSAL_NAME
  };
  std::vector<std::pair<std::string, uint64_t>> all;
  for (size_t i = 0; i < counts_.size(); ++i) {
    all.emplace_back(kNames[i], Of(static_cast<ServerRefusal>(i)));
  }
  return all;
}

}  // namespace audio_latency::correlator
