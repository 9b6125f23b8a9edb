#include "correlator/matching/observation_log.h"

#include <sys/mman.h>

#include <algorithm>
#include <new>

namespace audio_latency::correlator {
namespace {

constexpr uint32_t kLeastCapacity = 1024;
constexpr uint32_t kMostCapacity = 1u << 28;
// A quarter as many slots as entries: two nodes with container and uplink see a signature four
// times.
constexpr int kEntriesPerLineBits = 5;
constexpr size_t kPrefetchDistance = 16;

uint32_t RoundUp(uint32_t capacity) {
  return std::bit_ceil(std::clamp(capacity, kLeastCapacity, kMostCapacity));
}

}  // namespace

template <typename T>
ObservationLog::Pages<T>::Pages(size_t count) : bytes_(count * sizeof(T)) {
  void* const memory =
      mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    throw std::bad_alloc();
  }
  // Best effort: large pages save most of the address translation that random access costs.
  madvise(memory, bytes_, MADV_HUGEPAGE);
  memory_ = static_cast<T*>(memory);
}

template <typename T>
ObservationLog::Pages<T>::~Pages() {
  munmap(memory_, bytes_);
}

ObservationLog::ObservationLog(uint32_t capacity)
    : mask_(RoundUp(capacity) - 1),
      line_shift_(64 - (std::countr_zero(mask_ + 1) - kEntriesPerLineBits)),
      entries_(size_t{mask_} + 1),
      lines_((size_t{mask_} + 1) >> kEntriesPerLineBits) {}

ObservationLog::~ObservationLog() = default;

uint64_t ObservationLog::ChainHead(uint64_t signature) const {
  const uint32_t tag = static_cast<uint32_t>(signature);
  for (const Slot& slot : lines_[LineOf(signature)].slots) {
    if (slot.tag == tag && slot.newest != 0) {
      return Expand(slot.newest);
    }
  }
  return 0;
}

ObservationLog::Slot& ObservationLog::SlotFor(uint64_t signature, uint64_t undecided_begin,
                                              uint64_t* lost) {
  const uint32_t tag = static_cast<uint32_t>(signature);
  Slot* oldest = nullptr;
  uint64_t oldest_newest = 0;
  for (Slot& slot : lines_[LineOf(signature)].slots) {
    if (slot.tag == tag && slot.newest != 0) {
      return slot;
    }
    const uint64_t newest = Expand(slot.newest);
    if (oldest == nullptr || newest < oldest_newest) {
      oldest = &slot;
      oldest_newest = newest;
    }
  }
  *lost += oldest_newest >= undecided_begin && oldest_newest != 0;
  *oldest = {.tag = tag, .newest = 0};
  return *oldest;
}

uint64_t ObservationLog::Append(std::span<const Observation> observations,
                                uint64_t undecided_begin) {
  uint64_t lost = 0;
  const size_t count = observations.size();
  for (size_t i = 0; i < std::min(count, kPrefetchDistance); ++i) {
    PrefetchIndex(observations[i].signature);
  }
  for (size_t i = 0; i < count; ++i) {
    if (i + kPrefetchDistance < count) {
      PrefetchIndex(observations[i + kPrefetchDistance].signature);
    }
    const Observation& observation = observations[i];
    Slot& slot = SlotFor(observation.signature, undecided_begin, &lost);
    LogEntry& entry = At(end_);
    if (end_ > capacity() && end_ - capacity() >= undecided_begin) {
      lost += (entry.flow_and_flags & kLogDecided) == 0;
    }
    entry = {.signature_low = static_cast<uint32_t>(observation.signature),
             .signature_high = static_cast<uint32_t>(observation.signature >> 32),
             .flow_and_flags = observation.flow & ~kLogFlagsMask,
             .position = observation.position,
             .time_units =
                 static_cast<uint32_t>((observation.time_ns + kLogTimeUnitNs / 2) / kLogTimeUnitNs),
             .previous = slot.newest,
             .link = 0};
    slot.newest = static_cast<uint32_t>(end_);
    ++end_;
  }
  return lost;
}

}  // namespace audio_latency::correlator
