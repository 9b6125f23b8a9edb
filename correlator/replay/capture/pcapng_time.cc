#include "correlator/replay/capture/pcapng_time.h"

#include <algorithm>

namespace audio_latency::correlator {
namespace {

constexpr int64_t kNsPerSecond = 1'000'000'000;
// Year 2262: 64 bits of nanoseconds.
constexpr int64_t kMaxSeconds = INT64_MAX / kNsPerSecond - 1;
constexpr uint8_t kPowerOfTwo = 0x80;

}  // namespace

std::optional<PcapngTime> PcapngTime::Create(uint8_t resolution, int64_t offset_seconds) {
  const int exponent = resolution & ~kPowerOfTwo;
  uint64_t units_per_second = 1;
  if ((resolution & kPowerOfTwo) != 0) {
    constexpr int kMaxExponent = 63;
    if (exponent > kMaxExponent) {
      return std::nullopt;
    }
    units_per_second <<= exponent;
  } else {
    constexpr int kMaxExponent = 19;
    if (exponent > kMaxExponent) {
      return std::nullopt;
    }
    for (int i = 0; i < exponent; ++i) {
      units_per_second *= 10;
    }
  }
  return PcapngTime(units_per_second, offset_seconds);
}

std::optional<int64_t> PcapngTime::ToUnixNs(uint64_t count) const {
  const uint64_t whole = count / units_per_second_;
  if (whole > static_cast<uint64_t>(kMaxSeconds) || offset_seconds_ > kMaxSeconds ||
      offset_seconds_ < -kMaxSeconds) {
    return std::nullopt;
  }
  const int64_t seconds = static_cast<int64_t>(whole) + offset_seconds_;
  if (seconds > kMaxSeconds || seconds < -kMaxSeconds) {
    return std::nullopt;
  }
  // The product may need more than 64 bits.
  __extension__ using Wide = unsigned __int128;
  const Wide part = Wide{count % units_per_second_} * kNsPerSecond / units_per_second_;
  return seconds * kNsPerSecond + static_cast<int64_t>(part);
}

int64_t PcapngTime::resolution_ns() const {
  const uint64_t unit_ns = (kNsPerSecond + units_per_second_ - 1) / units_per_second_;
  return std::max<int64_t>(1, static_cast<int64_t>(unit_ns));
}

}  // namespace audio_latency::correlator
