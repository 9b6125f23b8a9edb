#include "correlator/replay/replay_paths.h"

#include <tuple>

namespace audio_latency::correlator {

std::vector<PathSnapshot> ReplayPaths::Paths(uint32_t window_seconds) const {
  return State()->paths[PathState::WindowIndex(window_seconds)];
}

std::vector<HopSnapshot> ReplayPaths::Hops(uint32_t window_seconds) const {
  return State()->hops[PathState::WindowIndex(window_seconds)];
}

std::optional<Match> ReplayPaths::Newest(std::string_view path) const {
  const std::shared_ptr<const PathState> state = State();
  const std::pair<const std::string, PathState::Newest>* newest = nullptr;
  for (const auto& candidate : state->newest) {
    if ((path.empty() || candidate.first == path) &&
        (newest == nullptr || std::tie(newest->second.time_ns, newest->first) <
                                  std::tie(candidate.second.time_ns, candidate.first))) {
      newest = &candidate;
    }
  }
  if (newest == nullptr) {
    return std::nullopt;
  }
  return (*newest->second.block)[newest->second.match];
}

std::vector<std::pair<std::string, double>> ReplayPaths::Drops() const { return State()->drops; }

}  // namespace audio_latency::correlator
