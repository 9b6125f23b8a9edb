// The observations of the last seconds in order of arrival, chained by signature.

#ifndef CORRELATOR_MATCHING_OBSERVATION_LOG_H_
#define CORRELATOR_MATCHING_OBSERVATION_LOG_H_

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

#include "correlator/clock/observation.h"

namespace audio_latency::correlator {

// Times are kept in these units: half of one is added to every error bar.
inline constexpr int64_t kLogTimeUnitNs = 128;

// What has been said about an observation; kept with it.
enum LogFlag : uint32_t {
  kLogDecided = 1u << 31,
  kLogTransitReported = 1u << 30,
  kLogLinked = 1u << 29,
  kLogLinkedByLock = 1u << 28,
  kLogCollided = 1u << 27,
};
inline constexpr uint32_t kLogFlagsMask = 0xF8000000u;

// 28 bytes an observation.
struct LogEntry {
  uint32_t signature_low;
  uint32_t signature_high;
  uint32_t flow_and_flags;
  uint32_t position;
  // Low bits of time_ns / kLogTimeUnitNs.
  uint32_t time_units;
  // Low bits of the sequence number of the chain's entry before.
  uint32_t previous;
  // Low bits of the sequence number of an observation of the passage that this one continues;
  // valid with kLogLinked.
  uint32_t link;

  uint64_t signature() const { return uint64_t{signature_high} << 32 | signature_low; }
  FlowId flow() const { return flow_and_flags & ~kLogFlagsMask; }
};
static_assert(sizeof(LogEntry) == 28);

// A ring that overwrites its oldest entries, and an index of the newest entry of every signature.
// Entries are numbered from 1 in order of arrival. Not thread-safe.
//
// The index is a table of cache lines of eight slots; a line that is full gives up its oldest
// signature. So a chain holds one signature only, and costs nobody else's memory a look.
class ObservationLog {
 public:
  // `capacity` is rounded up to a power of two, from 1024 to 2^28.
  explicit ObservationLog(uint32_t capacity);
  ~ObservationLog();
  ObservationLog(const ObservationLog&) = delete;
  ObservationLog& operator=(const ObservationLog&) = delete;

  // Appends; the oldest entries give way. Returns how many undecided observations were lost to
  // either the ring (those from `undecided_begin` on) or the index.
  uint64_t Append(std::span<const Observation> observations, uint64_t undecided_begin);

  // Number of the entry that comes next.
  uint64_t end() const { return end_; }
  // Number of the oldest entry still there.
  uint64_t begin() const { return end_ - begin_distance(); }
  uint32_t capacity() const { return mask_ + 1; }

  LogEntry& At(uint64_t sequence) { return entries_[static_cast<uint32_t>(sequence) & mask_]; }

  // The newest entry of the signature (or, hardly ever, of one that looks like it); 0: none.
  uint64_t ChainHead(uint64_t signature) const;
  // The entry before it in its chain; 0: none.
  uint64_t ChainNext(uint64_t sequence) {
    const uint64_t previous = Expand(At(sequence).previous);
    return previous < sequence ? previous : 0;
  }

  void PrefetchIndex(uint64_t signature) const {
    __builtin_prefetch(&lines_[LineOf(signature)], 1);
  }
  void PrefetchEntry(uint64_t sequence) const {
    const LogEntry* const entry = &entries_[static_cast<uint32_t>(sequence) & mask_];
    __builtin_prefetch(entry, 1);
    // An entry may lie across two cache lines.
    __builtin_prefetch(&entry->link, 1);
  }

  // Time of an entry, which must be within some minutes of `near_ns`.
  static int64_t TimeNs(const LogEntry& entry, int64_t near_ns) {
    const int64_t near_units = near_ns / kLogTimeUnitNs;
    const int32_t difference =
        static_cast<int32_t>(entry.time_units - static_cast<uint32_t>(near_units));
    return (near_units + difference) * kLogTimeUnitNs;
  }

  // Memory that an entry takes in all, with its share of the index.
  static constexpr size_t kBytesPerObservation = 30;

 private:
  struct Slot {
    uint32_t tag;
    // Low bits of the sequence number; 0: free.
    uint32_t newest;
  };
  static constexpr size_t kSlots = 8;
  struct alignas(64) Line {
    Slot slots[kSlots];
  };
  // Pages that the kernel hands out, zeroed, as they are touched.
  template <typename T>
  class Pages {
   public:
    explicit Pages(size_t count);
    ~Pages();
    Pages(const Pages&) = delete;
    Pages& operator=(const Pages&) = delete;
    T& operator[](size_t index) const { return memory_[index]; }

   private:
    const size_t bytes_;
    T* memory_;
  };

  uint64_t begin_distance() const { return end_ - 1 < capacity() ? end_ - 1 : capacity(); }
  size_t LineOf(uint64_t signature) const {
    // Signatures are hashes already, but shards share bits and crc32 is a poor one.
    return (signature * 0x9E3779B97F4A7C15) >> line_shift_;
  }
  // The full number of a number's low bits; 0 when it is no longer in the ring.
  uint64_t Expand(uint32_t sequence_low) const {
    const uint32_t age = static_cast<uint32_t>(end_) - sequence_low;
    return sequence_low == 0 || age == 0 || age > begin_distance() ? 0 : end_ - age;
  }
  // The signature's slot, or the one to give up for it.
  Slot& SlotFor(uint64_t signature, uint64_t undecided_begin, uint64_t* lost);

  const uint32_t mask_;
  const int line_shift_;
  Pages<LogEntry> entries_;
  Pages<Line> lines_;
  uint64_t end_ = 1;
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_MATCHING_OBSERVATION_LOG_H_
