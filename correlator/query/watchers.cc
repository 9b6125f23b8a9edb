#include "correlator/query/watchers.h"

#include <algorithm>

namespace audio_latency::correlator {

void Watchers::Stop() {
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  changed_.notify_all();
}

bool Watchers::stopped() const {
  const std::lock_guard lock(mutex_);
  return stopped_;
}

bool Watchers::Wait(std::chrono::milliseconds duration, const grpc::ServerContext& caller) {
  const auto end = std::chrono::steady_clock::now() + duration;
  std::unique_lock lock(mutex_);
  while (true) {
    const auto now = std::chrono::steady_clock::now();
    if (stopped_ || caller.IsCancelled()) {
      return false;
    }
    if (now >= end) {
      return true;
    }
    changed_.wait_until(lock, std::min(end, now + kCancelCheckInterval));
  }
}

bool Watchers::Enter() {
  const std::lock_guard lock(mutex_);
  if (watching_ >= most_) {
    return false;
  }
  ++watching_;
  return true;
}

void Watchers::Leave() {
  const std::lock_guard lock(mutex_);
  --watching_;
}

}  // namespace audio_latency::correlator
