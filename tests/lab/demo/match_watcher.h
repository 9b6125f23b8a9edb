// Reads every match that the correlator decides.

#ifndef TESTS_LAB_DEMO_MATCH_WATCHER_H_
#define TESTS_LAB_DEMO_MATCH_WATCHER_H_

#include <grpcpp/client_context.h>

#include <functional>
#include <thread>

#include "audio_latency/v1/latency.grpc.pb.h"

namespace audio_latency::lab {

// Watches from construction to Stop.
class MatchWatcher {
 public:
  // `stub` must outlive the watcher. `on_trace` is called in a thread of the watcher's own: what it
  // writes to is not to be touched before Stop.
  MatchWatcher(audio_latency::v1::LatencyService::Stub* stub,
               std::function<void(const audio_latency::v1::Trace&)> on_trace);
  ~MatchWatcher();

  // Returns the number of matches that went by unseen.
  double Stop();

 private:
  grpc::ClientContext context_;
  double skipped_ = 0;
  std::thread thread_;
};

}  // namespace audio_latency::lab

#endif  // TESTS_LAB_DEMO_MATCH_WATCHER_H_
