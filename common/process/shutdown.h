// Orderly end on SIGTERM, SIGINT and SIGHUP (a terminal that is closed).

#ifndef COMMON_PROCESS_SHUTDOWN_H_
#define COMMON_PROCESS_SHUTDOWN_H_

#include <memory>

#include "absl/status/statusor.h"
#include "common/process/blocked_signals.h"

namespace audio_latency {

// Blocks these signals for the process (make it before any thread starts) and waits for them.
// SIGPIPE is ignored. A second signal while the program winds down ends it at once. Let it outlive
// everything that takes time to end.
class Shutdown {
 public:
  static absl::StatusOr<std::unique_ptr<Shutdown>> Install();
  // For a program that must not start a thread yet when it begins to block them (Install starts
  // one): what came since then is not lost.
  static absl::StatusOr<std::unique_ptr<Shutdown>> Install(std::unique_ptr<BlockedSignals> signals);
  virtual ~Shutdown() = default;

  // Returns when a signal came or Request was called.
  virtual void Wait() = 0;
  // Ends Wait from any thread.
  virtual void Request() = 0;
};

}  // namespace audio_latency

#endif  // COMMON_PROCESS_SHUTDOWN_H_
