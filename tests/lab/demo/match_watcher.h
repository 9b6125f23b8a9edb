// Reads every match that the correlator decides, into an audit.

#ifndef TESTS_LAB_DEMO_MATCH_WATCHER_H_
#define TESTS_LAB_DEMO_MATCH_WATCHER_H_

#include <grpcpp/client_context.h>

#include <thread>

#include "audio_latency/v1/latency.grpc.pb.h"
#include "tests/lab/demo/match_audit.h"

namespace audio_latency::lab {

// Watches from construction to Stop.
class MatchWatcher {
 public:
  // Both must outlive the watcher; the audit is not to be touched before Stop.
  MatchWatcher(audio_latency::v1::LatencyService::Stub* stub, MatchAudit* audit);
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
