// LEB128 variable-length numbers and zigzag. Internal to common/wire.

#ifndef COMMON_WIRE_VARINT_H_
#define COMMON_WIRE_VARINT_H_

#include <cstddef>
#include <cstdint>
#include <string>

namespace audio_latency::wire {

inline constexpr size_t kMaxVarintBytes = 10;

inline void AppendVarint(uint64_t value, std::string* out) {
  while (value >= 0x80) {
    out->push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out->push_back(static_cast<char>(value));
}

// 0, -1, 1, -2, … to 0, 1, 2, 3, …
inline uint64_t Zigzag(int64_t value) {
  return (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63);
}
inline int64_t Unzigzag(uint64_t value) {
  return static_cast<int64_t>((value >> 1) ^ (0 - (value & 1)));
}

// Reads untrusted bytes. After the first failure every read gives 0 and failed() stays true.
class ByteReader {
 public:
  ByteReader(const uint8_t* begin, const uint8_t* end) : next_(begin), end_(end) {}

  uint64_t Varint() {
    if (next_ != end_ && *next_ < 0x80) [[likely]] {
      return *next_++;
    }
    if (end_ - next_ >= 2 && next_[1] < 0x80) [[likely]] {
      const uint64_t value = (next_[0] & 0x7fu) | static_cast<uint64_t>(next_[1]) << 7;
      next_ += 2;
      return value;
    }
    return LongVarint();
  }

  uint8_t Byte() {
    if (next_ == end_) {
      failed_ = true;
      return 0;
    }
    return *next_++;
  }

  // For values that are well-formed but not allowed.
  void Fail() { failed_ = true; }
  bool failed() const { return failed_; }
  bool at_end() const { return next_ == end_; }

 private:
  uint64_t LongVarint() {
    uint64_t value = 0;
    for (size_t i = 0; i < kMaxVarintBytes && next_ != end_; ++i) {
      const uint8_t byte = *next_++;
      // The tenth byte holds the 64th bit alone.
      if (i == kMaxVarintBytes - 1 && byte > 1) {
        break;
      }
      value |= static_cast<uint64_t>(byte & 0x7f) << (7 * i);
      if (byte < 0x80) {
        return value;
      }
    }
    failed_ = true;
    next_ = end_;
    return 0;
  }

  const uint8_t* next_;
  const uint8_t* const end_;
  bool failed_ = false;
};

}  // namespace audio_latency::wire

#endif  // COMMON_WIRE_VARINT_H_
