// A fuzzer's bytes, taken from the front. At the end all values are 0.

#ifndef TESTS_FUZZ_INPUT_H_
#define TESTS_FUZZ_INPUT_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

namespace audio_latency::fuzz {

class Input {
 public:
  Input(const uint8_t* data, size_t size) : rest_(data, size) {}

  bool empty() const { return rest_.empty(); }
  uint8_t Byte() {
    const std::span<const uint8_t> taken = Bytes(1);
    return taken.empty() ? uint8_t{0} : taken[0];
  }
  uint16_t Word() {
    const uint8_t low = Byte();
    return static_cast<uint16_t>(low | Byte() << 8);
  }
  uint32_t Long() {
    const uint32_t low = Word();
    return low | uint32_t{Word()} << 16;
  }
  // As many as there are, up to `count`.
  std::span<const uint8_t> Bytes(size_t count) {
    const std::span<const uint8_t> taken = rest_.first(std::min(count, rest_.size()));
    rest_ = rest_.subspan(taken.size());
    return taken;
  }
  std::span<const uint8_t> Rest() { return Bytes(rest_.size()); }

 private:
  std::span<const uint8_t> rest_;
};

}  // namespace audio_latency::fuzz

#endif  // TESTS_FUZZ_INPUT_H_
