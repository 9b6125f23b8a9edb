// SIGTERM, SIGINT and SIGHUP as something to read instead of something that ends the process.

#ifndef COMMON_PROCESS_BLOCKED_SIGNALS_H_
#define COMMON_PROCESS_BLOCKED_SIGNALS_H_

#include <csignal>
#include <memory>

#include "absl/status/statusor.h"

namespace audio_latency {

// Blocks them (SIGHUP only where it is not ignored) for the calling thread, and for those that it
// starts later: make it before any starts. Destroyed, it throws away what has come and puts the
// mask back. Not thread-safe, but for descriptor() and Take().
class BlockedSignals {
 public:
  static absl::StatusOr<std::unique_ptr<BlockedSignals>> Block();
  ~BlockedSignals();
  BlockedSignals(const BlockedSignals&) = delete;
  BlockedSignals& operator=(const BlockedSignals&) = delete;

  // A signalfd(2), to poll: readable once a signal came. Never to be read but by Take.
  int descriptor() const { return descriptor_; }
  // Takes one signal that has come; false when none has. Does not wait.
  bool Take();
  // Throws away what has come, and lets the next one do what it ever does.
  void LetThrough();

 private:
  BlockedSignals(int descriptor, const sigset_t& signals, const sigset_t& mask_before)
      : descriptor_(descriptor), signals_(signals), mask_before_(mask_before) {}

  const int descriptor_;
  const sigset_t signals_;
  const sigset_t mask_before_;
};

}  // namespace audio_latency

#endif  // COMMON_PROCESS_BLOCKED_SIGNALS_H_
