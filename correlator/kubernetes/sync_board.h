// How well the API server is followed: for the log, the metrics and /readyz.

#ifndef CORRELATOR_KUBERNETES_SYNC_BOARD_H_
#define CORRELATOR_KUBERNETES_SYNC_BOARD_H_

#include <array>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>

#include "common/logging/logger.h"
#include "common/time/clock.h"
#include "correlator/kubernetes/api_error.h"
#include "correlator/kubernetes/api_object.h"

namespace audio_latency::correlator {

struct SyncStatistics {
  // What is known is the whole, and changes come.
  bool is_synced = false;
  // It was at some time.
  bool was_synced = false;
  uint64_t lists = 0;
  uint64_t watches = 0;
  // Objects that could not be read, and that were too large.
  uint64_t malformed = 0;
  uint64_t oversized = 0;
  std::array<uint64_t, kApiErrors.size()> errors = {};
  // Since the server last sent anything of it; nothing before it ever did.
  std::optional<int64_t> silence_ns;
};

// Thread-safe.
class SyncBoard {
 public:
  // All must outlive it. `server` is how the API server is shown, `origin` where its address and
  // our rights come from.
  SyncBoard(std::string server, std::string origin, const Clock& monotonic, Logger* logger);

  void ListBegins(Resource resource);
  void ListEnds(Resource resource, uint64_t objects);
  void WatchBegins(Resource resource);
  // Something came.
  void Received(Resource resource);
  void LeftOut(Resource resource, uint64_t malformed, uint64_t oversized);
  // Tells it in the log, unless it did so lately.
  void Failed(Resource resource, ApiError error, const std::string& message);

  SyncStatistics statistics(Resource resource) const;
  // Pods were listed once, and all else was too, or could not be.
  bool is_ready() const;
  // The last failure that still lasts, one line; "": there is none.
  std::string trouble() const;

 private:
  struct State {
    SyncStatistics counts;
    ApiError failing = ApiError::kNone;
    std::string trouble;
    uint64_t objects = 0;
    std::optional<int64_t> received_ns;
    int64_t told_ns = 0;
  };

  State& Of(Resource resource) { return states_[static_cast<size_t>(resource)]; }
  bool WasToldLately(const State& state, ApiError error, int64_t now_ns) const;
  void Recovered(State* state);
  bool IsReady() const;
  void TellFailure(Resource resource, ApiError error, const std::string& message);
  void TellSynced();

  const std::string server_;
  const std::string origin_;
  const Clock& monotonic_;
  Logger& logger_;
  const int64_t begin_ns_;
  mutable std::mutex mutex_;
  std::array<State, kResources.size()> states_;
  bool is_synced_told_ = false;
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_KUBERNETES_SYNC_BOARD_H_
