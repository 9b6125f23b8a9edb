// What waits in front of a stage.

#ifndef CORRELATOR_LOAD_BACKLOG_H_
#define CORRELATOR_LOAD_BACKLOG_H_

#include <algorithm>
#include <cstdint>
#include <utility>

namespace audio_latency::correlator {

struct Backlog {
  // Of the queue's room, the share in use, 0 to 1.
  double used_share = 0;
  // How long the oldest of what is not done yet has waited.
  int64_t oldest_wait_ns = 0;
  // Events that there is still room for.
  uint64_t room_events = UINT64_MAX;

  // Of two queues, the worse.
  friend Backlog Worse(const Backlog& a, const Backlog& b) {
    return {std::max(a.used_share, b.used_share), std::max(a.oldest_wait_ns, b.oldest_wait_ns),
            std::min(a.room_events, b.room_events)};
  }
};

// How long the oldest entry of a queue, and of what its thread took out of it, waits. Not
// thread-safe.
class WaitMeter {
 public:
  // Something came into the queue.
  void Add(int64_t now_ns) { queued_since_ns_ = queued_since_ns_ == 0 ? now_ns : queued_since_ns_; }
  // The thread took all of it, and begins.
  void Begin() { working_since_ns_ = std::exchange(queued_since_ns_, 0); }
  // What it took is done.
  void Done() { working_since_ns_ = 0; }
  int64_t OldestWaitNs(int64_t now_ns) const {
    const int64_t since_ns = working_since_ns_ != 0 ? working_since_ns_ : queued_since_ns_;
    return since_ns == 0 ? 0 : std::max<int64_t>(now_ns - since_ns, 0);
  }

 private:
  // 0: none.
  int64_t queued_since_ns_ = 0;
  int64_t working_since_ns_ = 0;
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_LOAD_BACKLOG_H_
