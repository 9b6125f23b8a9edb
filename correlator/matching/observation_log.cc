#include "correlator/matching/observation_log.h"

#include <algorithm>
#include <cstdlib>
#include <new>

namespace audio_latency::correlator {
namespace {

constexpr uint32_t kLeastCapacity = 1024;
constexpr uint32_t kMostCapacity = 1u << 28;
// A signature is met several times on its way, so there are fewer chains than observations.
constexpr int kEntriesPerHeadBits = 2;
constexpr size_t kPrefetchDistance = 16;

uint32_t RoundUp(uint32_t capacity) {
  return std::bit_ceil(std::clamp(capacity, kLeastCapacity, kMostCapacity));
}

template <typename T>
T* AllocateZeroed(size_t count) {
  void* const memory = std::calloc(count, sizeof(T));
  if (memory == nullptr) {
    throw std::bad_alloc();
  }
  return static_cast<T*>(memory);
}

}  // namespace

void ObservationLog::Free::operator()(void* memory) const { std::free(memory); }

ObservationLog::ObservationLog(uint32_t capacity)
    : mask_(RoundUp(capacity) - 1),
      head_shift_(64 - (std::countr_zero(mask_ + 1) - kEntriesPerHeadBits)),
      entries_(AllocateZeroed<LogEntry>(size_t{mask_} + 1)),
      heads_(AllocateZeroed<uint32_t>((size_t{mask_} + 1) >> kEntriesPerHeadBits)) {}

void ObservationLog::Append(std::span<const Observation> observations) {
  const size_t count = observations.size();
  for (size_t i = 0; i < std::min(count, kPrefetchDistance); ++i) {
    PrefetchHead(observations[i].signature);
  }
  for (size_t i = 0; i < count; ++i) {
    if (i + kPrefetchDistance < count) {
      PrefetchHead(observations[i + kPrefetchDistance].signature);
    }
    const Observation& observation = observations[i];
    uint32_t& head = heads_[BucketOf(observation.signature)];
    At(end_) = {.signature_low = static_cast<uint32_t>(observation.signature),
                .signature_high = static_cast<uint32_t>(observation.signature >> 32),
                .flow_and_flags = observation.flow & ~kLogFlagsMask,
                .position = observation.position,
                .time_units = static_cast<uint32_t>((observation.time_ns + kLogTimeUnitNs / 2) /
                                                    kLogTimeUnitNs),
                .previous = head,
                .link = 0};
    head = static_cast<uint32_t>(end_);
    ++end_;
  }
}

}  // namespace audio_latency::correlator
