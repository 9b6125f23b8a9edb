// Watches the load, and tells the probes when it has to change.

#ifndef CORRELATOR_LOAD_LOAD_MONITOR_H_
#define CORRELATOR_LOAD_LOAD_MONITOR_H_

#include <cstdint>
#include <functional>
#include <memory>

#include "common/logging/logger.h"
#include "common/time/clock.h"
#include "correlator/load/load_control.h"
#include "correlator/load/load_reader.h"

namespace audio_latency::correlator {

// A thread that looks about ten times a second.
class LoadMonitor : public LoadReader {
 public:
  // All are called by the monitor's thread only.
  struct Parts {
    // Called once a look.
    std::function<LoadView()> view;
    // Takes every decision that is another one.
    std::function<void(const LoadDecision&)> tell;
  };

  // `clock` (monotonic) and `logger` must outlive the monitor, as must what the parts refer to.
  static std::unique_ptr<LoadMonitor> Start(const LoadControlOptions& options, Parts parts,
                                            const Clock* clock, Logger* logger);
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_LOAD_LOAD_MONITOR_H_
