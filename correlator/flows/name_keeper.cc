#include "correlator/flows/name_keeper.h"

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace audio_latency::correlator {

std::unique_ptr<NameKeeper> NameKeeper::Start(FlowRegistry* flows, const Clock& realtime_clock,
                                              const Clock& monotonic_clock) {
  return std::unique_ptr<NameKeeper>(new NameKeeper(flows, realtime_clock, monotonic_clock));
}

NameKeeper::NameKeeper(FlowRegistry* flows, const Clock& realtime_clock,
                       const Clock& monotonic_clock)
    : flows_(*flows),
      realtime_clock_(realtime_clock),
      monotonic_clock_(monotonic_clock),
      thread_([this] { Run(); }) {}

NameKeeper::~NameKeeper() {
  {
    const std::scoped_lock lock(mutex_);
    is_stopping_ = true;
  }
  stop_.notify_one();
  thread_.join();
}

void NameKeeper::Run() {
  std::unique_lock lock(mutex_);
  int64_t wait_ns = kPeriodNs;
  while (
      !stop_.wait_for(lock, std::chrono::nanoseconds(wait_ns), [this] { return is_stopping_; })) {
    lock.unlock();
    const int64_t begin_ns = monotonic_clock_.NowNs();
    flows_.Refresh(realtime_clock_.NowNs(), begin_ns);
    wait_ns = std::max(kPeriodNs, (monotonic_clock_.NowNs() - begin_ns) * kRestPerWork);
    lock.lock();
  }
}

}  // namespace audio_latency::correlator
