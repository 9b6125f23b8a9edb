// Keeps the names of flows as the directory has them.

#ifndef CORRELATOR_FLOWS_NAME_KEEPER_H_
#define CORRELATOR_FLOWS_NAME_KEEPER_H_

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

#include "common/time/clock.h"
#include "correlator/flows/flow_registry.h"

namespace audio_latency::correlator {

// Calls FlowRegistry::Refresh from a thread of its own, from Start to the destructor: a name that
// changes is in answers within a second (the names are asked for in a quarter of the time that
// matching waits for stragglers, and answers are made anew as often). Asking takes some
// microseconds a conversation; with very many, and a cluster that changes all the time, the keeper
// rests so long that it takes no more than a fifth of a core.
class NameKeeper {
 public:
  static constexpr int64_t kPeriodNs = 150'000'000;
  static constexpr int64_t kRestPerWork = 4;

  // All must outlive the keeper.
  static std::unique_ptr<NameKeeper> Start(FlowRegistry* flows, const Clock& realtime_clock,
                                           const Clock& monotonic_clock);
  ~NameKeeper();
  NameKeeper(const NameKeeper&) = delete;
  NameKeeper& operator=(const NameKeeper&) = delete;

 private:
  NameKeeper(FlowRegistry* flows, const Clock& realtime_clock, const Clock& monotonic_clock);
  void Run();

  FlowRegistry& flows_;
  const Clock& realtime_clock_;
  const Clock& monotonic_clock_;
  std::mutex mutex_;
  std::condition_variable stop_;
  bool is_stopping_ = false;
  std::thread thread_;
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_FLOWS_NAME_KEEPER_H_
