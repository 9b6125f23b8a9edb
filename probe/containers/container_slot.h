// What is found out of a flow's container, which takes a while.

#ifndef PROBE_CONTAINERS_CONTAINER_SLOT_H_
#define PROBE_CONTAINERS_CONTAINER_SLOT_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>

#include "probe/containers/container_identity.h"

namespace audio_latency::probe {

// A container, and its pod's name where it is known.
struct FlowContainer {
  ContainerIdentity identity;
  PodName name;
};

// Thread-safe: written by who finds it out, read by who tells it.
class ContainerSlot {
 public:
  void Set(std::shared_ptr<const FlowContainer> container) {
    const std::lock_guard lock(mutex_);
    container_ = std::move(container);
    version_.fetch_add(1, std::memory_order_release);
  }

  // Null while nothing is known.
  std::shared_ptr<const FlowContainer> Get() const {
    const std::lock_guard lock(mutex_);
    return container_;
  }
  // Another number whenever Get has another answer; 0 at first. Costs a load.
  uint32_t version() const { return version_.load(std::memory_order_acquire); }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const FlowContainer> container_;
  std::atomic<uint32_t> version_ = 0;
};

}  // namespace audio_latency::probe

#endif  // PROBE_CONTAINERS_CONTAINER_SLOT_H_
