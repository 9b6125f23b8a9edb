// Log lines of single pieces of audio, with the names of pods: audio_signature and
// latency_calculation.

#ifndef CORRELATOR_SIGNATURE_LOG_SIGNATURE_LOG_H_
#define CORRELATOR_SIGNATURE_LOG_SIGNATURE_LOG_H_

#include <cstdint>
#include <memory>

#include "common/logging/logger.h"
#include "common/time/clock.h"
#include "correlator/flows/flow_registry.h"
#include "correlator/paths/path_reader.h"

namespace audio_latency::correlator {

struct SignatureLogOptions {
  // Of the signatures, 0 to 1: by their value, so that a piece of audio is told at all of its
  // points or at none.
  double share = 0;
  // Lines a second; more are left out and counted.
  uint32_t max_lines_per_second = 100;
};

struct SignatureLogCounters {
  uint64_t lines = 0;
  // Lines beyond the rate.
  uint64_t over_rate = 0;
  // Matches that came faster than they could be looked at, in the share or not.
  uint64_t skipped_matches = 0;
};

// Listens to matches from Start to the destructor, in a thread of its own; the stages never wait
// for it. Of each piece that was met again it tells where it left and where it arrived, in each of
// its conversations, and the delay from one to the other (of processing: through the pod).
class SignatureLog {
 public:
  // All must outlive the log.
  static std::unique_ptr<SignatureLog> Start(const SignatureLogOptions& options, PathReader* paths,
                                             const FlowRegistry* flows,
                                             const Clock& monotonic_clock,
                                             const Clock& realtime_clock, Logger* logger);
  virtual ~SignatureLog() = default;

  // Since the start. Thread-safe.
  virtual SignatureLogCounters Counters() const = 0;
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_SIGNATURE_LOG_SIGNATURE_LOG_H_
