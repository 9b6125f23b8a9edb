// The identity of an object in Kubernetes: never given to another, unlike its name.

#ifndef CORRELATOR_KUBERNETES_UID_H_
#define CORRELATOR_KUBERNETES_UID_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace audio_latency::correlator {

// A UUID (RFC 9562), which is what API servers give. Value type of 16 bytes.
class Uid {
 public:
  // The one of no object.
  Uid() = default;

  // "4e3d1f3a-0c59-4b56-9b0a-2f4f7c9b2f11", in either case. Nothing of another text.
  static std::optional<Uid> Parse(std::string_view text);
  // In lower case; "" of the one of no object.
  std::string ToString() const;

  friend bool operator==(const Uid&, const Uid&) = default;
  template <typename H>
  friend H AbslHashValue(H state, const Uid& uid) {
    return H::combine(std::move(state), uid.bytes_);
  }

 private:
  std::array<uint8_t, 16> bytes_ = {};
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_KUBERNETES_UID_H_
