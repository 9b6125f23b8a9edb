#include "correlator/load/load_monitor.h"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <thread>
#include <utility>

#include "fmt/format.h"
#include "nlohmann/json.hpp"

namespace audio_latency::correlator {
namespace {

constexpr std::chrono::milliseconds kPeriod(100);
constexpr double kNsPerSecond = 1e9;

class ThreadedLoadMonitor final : public LoadMonitor {
 public:
  ThreadedLoadMonitor(const LoadControlOptions& options, Parts parts, const Clock* clock,
                      Logger* logger)
      : parts_(std::move(parts)),
        clock_(*clock),
        logger_(*logger),
        control_(options),
        thread_([this](const std::stop_token& stop) { Run(stop); }) {}

  LoadSnapshot Load() const override {
    const std::scoped_lock lock(mutex_);
    return snapshot_;
  }

 private:
  void Run(const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any stopped;
    std::unique_lock lock(mutex);
    while (!stop.stop_requested()) {
      Look();
      stopped.wait_for(lock, stop, kPeriod, [] { return false; });
    }
  }

  void Look() {
    const LoadDecision before = control_.decision();
    const LoadView view = parts_.view();
    const LoadDecision after = control_.Update(view, clock_.NowNs());
    {
      const std::scoped_lock lock(mutex_);
      snapshot_.sampling_share = SamplingShare(after.sampling_threshold);
      snapshot_.credit_batches = after.credit_batches;
      snapshot_.events_per_second = control_.taken_per_second();
      snapshot_.made_per_second = control_.made_per_second();
      snapshot_.pending_events = view.pending_events;
      snapshot_.backlog = view.backlog;
      snapshot_.lowered += after.sampling_threshold < before.sampling_threshold ? 1 : 0;
      snapshot_.credit_withheld += before.gives_credit() && !after.gives_credit() ? 1 : 0;
    }
    if (before != after) {
      parts_.tell(after);
      Log(before, after, view);
    }
  }

  void Log(const LoadDecision& before, const LoadDecision& after, const LoadView& view) {
    const double share = SamplingShare(after.sampling_threshold);
    const nlohmann::json fields = {
        {"sampling_share", share},
        {"credit_batches", after.credit_batches},
        {"oldest_wait_seconds", static_cast<double>(view.backlog.oldest_wait_ns) / kNsPerSecond},
        {"queue_used_share", view.backlog.used_share},
        {"events_per_second", control_.taken_per_second()},
        {"events_made_per_second", control_.made_per_second()},
        {"pending_events", view.pending_events}};
    if (after.sampling_threshold < before.sampling_threshold) {
      logger_.Warn("correlator_overloaded",
                   fmt::format("Overloaded: all probes now keep {:.3g} % of the signatures; delays "
                               "stay exact, of fewer pieces of audio",
                               share * 100),
                   fields);
    } else if (after.sampling_threshold > before.sampling_threshold) {
      logger_.Info(
          "correlator_relieved",
          fmt::format("At ease again: all probes now keep {:.3g} % of the signatures", share * 100),
          fields);
    }
    if (before.gives_credit() && !after.gives_credit()) {
      logger_.Warn("credit_withheld", "Far behind: the probes are to hold back what they have",
                   fields);
    } else if (!before.gives_credit() && after.gives_credit()) {
      logger_.Info("credit_given", "The probes may send again", fields);
    }
  }

  const Parts parts_;
  const Clock& clock_;
  Logger& logger_;
  LoadControl control_;  // the thread's
  mutable std::mutex mutex_;
  LoadSnapshot snapshot_;
  std::jthread thread_;
};

}  // namespace

std::unique_ptr<LoadMonitor> LoadMonitor::Start(const LoadControlOptions& options, Parts parts,
                                                const Clock* clock, Logger* logger) {
  return std::make_unique<ThreadedLoadMonitor>(options, std::move(parts), clock, logger);
}

}  // namespace audio_latency::correlator
