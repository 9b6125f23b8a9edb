// The times of one pcapng interface: counts of its own unit, from its own beginning.

#ifndef CORRELATOR_REPLAY_CAPTURE_PCAPNG_TIME_H_
#define CORRELATOR_REPLAY_CAPTURE_PCAPNG_TIME_H_

#include <cstdint>
#include <optional>

namespace audio_latency::correlator {

class PcapngTime {
 public:
  // if_tsresol of the interface's description: the unit is 10^-n seconds, or 2^-n with the highest
  // bit set. Nothing for a unit that is finer than can be counted (10^-19, 2^-63). `offset_seconds`
  // is if_tsoffset.
  static std::optional<PcapngTime> Create(uint8_t resolution, int64_t offset_seconds);
  // Microseconds of Unix time, which holds when nothing is said.
  PcapngTime() = default;

  // Unix time of a count; nothing when that is out of the range of 64 bits of nanoseconds.
  std::optional<int64_t> ToUnixNs(uint64_t count) const;
  // At least 1.
  int64_t resolution_ns() const;

 private:
  PcapngTime(uint64_t units_per_second, int64_t offset_seconds)
      : units_per_second_(units_per_second), offset_seconds_(offset_seconds) {}

  uint64_t units_per_second_ = 1'000'000;
  int64_t offset_seconds_ = 0;
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_REPLAY_CAPTURE_PCAPNG_TIME_H_
