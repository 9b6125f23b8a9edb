// How far off each node's converted times may be: written by the clock stage, read by paths.

#ifndef CORRELATOR_CLOCK_CLOCK_ERROR_BOARD_H_
#define CORRELATOR_CLOCK_CLOCK_ERROR_BOARD_H_

#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>

#include "correlator/flows/flow_registry.h"

namespace audio_latency::correlator {

// Thread-safe; nobody waits.
class ClockErrorBoard {
 public:
  ClockErrorBoard()
      : bounds_ns_(std::make_unique<std::atomic<int64_t>[]>(kNodes)),
        own_clock_steps_ns_(std::make_unique<std::atomic<int64_t>[]>(kNodes)) {}

  // Of a node of which nobody knows how far its clock is off (captures).
  static constexpr int64_t kUnboundedNs = std::numeric_limits<int64_t>::max();

  // Bound of the error of the time of any of this node's events that may be in matching now.
  int64_t ErrorBoundNs(NodeId node) const {
    return bounds_ns_[node].load(std::memory_order_relaxed);
  }
  void Set(NodeId node, int64_t bound_ns) {
    bounds_ns_[node].store(bound_ns, std::memory_order_relaxed);
  }

  // For nodes whose times are their own clock's, only shifted (captures): its step, at least 1. Two
  // times of that node are apart as they say, within the step. 0: the clock is followed, live.
  int64_t OwnClockStepNs(NodeId node) const {
    return own_clock_steps_ns_[node].load(std::memory_order_relaxed);
  }
  void SetOwnClockStep(NodeId node, int64_t step_ns) {
    own_clock_steps_ns_[node].store(step_ns, std::memory_order_relaxed);
  }

 private:
  static constexpr size_t kNodes = size_t{std::numeric_limits<NodeId>::max()} + 1;

  std::unique_ptr<std::atomic<int64_t>[]> bounds_ns_;
  std::unique_ptr<std::atomic<int64_t>[]> own_clock_steps_ns_;
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_CLOCK_CLOCK_ERROR_BOARD_H_
