// What readers may ask of the paths stage. Reading takes snapshots and never stops the writer.

#ifndef CORRELATOR_PATHS_PATH_READER_H_
#define CORRELATOR_PATHS_PATH_READER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "correlator/matching/match.h"
#include "correlator/paths/snapshot.h"

namespace audio_latency::correlator {

// The newest matches, for one reader. A slow reader loses the oldest.
class MatchSubscription {
 public:
  virtual ~MatchSubscription() = default;
  // Waits up to `timeout_ms` for matches and appends them; `skipped` is set to how many were lost
  // since the call before. False when the subscription was cancelled.
  virtual bool Next(int timeout_ms, std::vector<Match>* matches, uint64_t* skipped) = 0;
  // Ends a Next that waits, from any thread.
  virtual void Cancel() = 0;
};

// Thread-safe.
class PathReader {
 public:
  virtual ~PathReader() = default;

  // Busiest first. `window_seconds`: 0 since the start, else 10 to 60.
  virtual std::vector<PathSnapshot> Paths(uint32_t window_seconds) const = 0;
  // Between pods, busiest first.
  virtual std::vector<HopSnapshot> Hops(uint32_t window_seconds) const = 0;

  // The newest matches of one signature.
  virtual std::vector<Match> Find(uint64_t signature) const = 0;
  // The newest complete match of a path by name ("" for any).
  virtual std::optional<Match> Newest(std::string_view path) const = 0;
  virtual std::unique_ptr<MatchSubscription> Subscribe() = 0;

  // Series and matches that found no room, and so on: name and count, since the start.
  virtual std::vector<std::pair<std::string, double>> Drops() const = 0;
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_PATHS_PATH_READER_H_
