// Ctrl-C for a command that then still has an answer to give.

#ifndef COMMON_PROCESS_INTERRUPT_H_
#define COMMON_PROCESS_INTERRUPT_H_

#include <memory>

#include "absl/status/statusor.h"

namespace audio_latency {

// From Install until it is destroyed, the first SIGINT or SIGTERM only makes `descriptor` readable.
// Make it before any thread starts.
class Interrupt {
 public:
  static absl::StatusOr<std::unique_ptr<Interrupt>> Install();
  virtual ~Interrupt() = default;

  // To poll beside what is waited for, never to be read; readable once a signal came.
  virtual int descriptor() const = 0;
  // To be called when a signal was noticed: the next one ends the process as ever.
  virtual void LetNextOneEnd() = 0;
};

}  // namespace audio_latency

#endif  // COMMON_PROCESS_INTERRUPT_H_
