// A set of TCP and UDP ports.

#ifndef COMMON_CONFIG_PORT_SET_H_
#define COMMON_CONFIG_PORT_SET_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/status/statusor.h"

namespace audio_latency {

// A bitmap of 65,536 bits: port p is bit p % 64 of word p / 64, as the BPF program reads it.
class PortSet {
 public:
  static constexpr size_t kWords = 65536 / 64;

  // The empty set.
  PortSet() = default;
  static PortSet All();
  // "8080,9000,10000-20000"; blanks around items are allowed, the empty text is the empty set. An
  // error names the item that is wrong.
  static absl::StatusOr<PortSet> Parse(std::string_view text);

  void Add(uint16_t port) { words_[port / 64] |= uint64_t{1} << (port % 64); }
  bool Contains(uint16_t port) const { return (words_[port / 64] >> (port % 64) & 1) != 0; }
  // The lowest port that is in both sets.
  std::optional<uint16_t> FirstInCommon(const PortSet& other) const;
  bool empty() const { return words_ == std::array<uint64_t, kWords>{}; }
  const std::array<uint64_t, kWords>& words() const { return words_; }

  friend bool operator==(const PortSet&, const PortSet&) = default;

 private:
  std::array<uint64_t, kWords> words_ = {};
};

}  // namespace audio_latency

#endif  // COMMON_CONFIG_PORT_SET_H_
