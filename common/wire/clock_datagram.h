// How two programs exchange timestamps over UDP (RFC 5905 section 8), beside the stream that gave
// them a session and its key.
//
// Request and answer are alike and of one size, so that no answer is larger than what asked for it.
// Numbers are in network order.
//
//   bytes   0 …  3  magic "ALTC"
//           4       version, 1
//           5       kind: 1 request, 2 answer
//           6 …  7  zero
//           8 … 15  session id
//          16 … 23  nonce: drawn at random for each request, repeated in its answer
//          24 … 31  t2, when the request came, nanoseconds (in a request: zero)
//          32 … 39  t3, when the answer goes, nanoseconds (in a request: zero)
//          40 … 55  the first 16 bytes of HMAC-SHA256(session's key, bytes 0 … 39)
//
// t1 and t4 stay with the one who asks. What a third party can do to an exchange is to delay or to
// drop it: a request that it sends again is answered with new times, and a nonce is taken once.

#ifndef COMMON_WIRE_CLOCK_DATAGRAM_H_
#define COMMON_WIRE_CLOCK_DATAGRAM_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "absl/status/statusor.h"

namespace audio_latency::wire {

inline constexpr size_t kClockDatagramBytes = 56;
inline constexpr size_t kClockKeyBytes = 32;

using ClockDatagramBytes = std::array<uint8_t, kClockDatagramBytes>;

struct ClockDatagram {
  enum class Kind : uint8_t { kRequest = 1, kAnswer = 2 };

  Kind kind = Kind::kRequest;
  uint64_t session_id = 0;
  uint64_t nonce = 0;
  int64_t receive_time_ns = 0;
  int64_t send_time_ns = 0;

  friend bool operator==(const ClockDatagram&, const ClockDatagram&) = default;
};

// Untrusted bytes; nothing when they have not the form. Says nothing of who sent them: see
// ClockKey::IsAuthentic.
std::optional<ClockDatagram> ReadClockDatagram(std::span<const uint8_t> bytes);

// The key of one session, ready for use. Not thread-safe.
class ClockKey {
 public:
  // INVALID_ARGUMENT unless `key` has kClockKeyBytes; INTERNAL when the library has no HMAC-SHA256.
  static absl::StatusOr<std::unique_ptr<ClockKey>> Make(std::span<const uint8_t> key);
  virtual ~ClockKey() = default;

  // All zeros, which is no datagram to anybody, when OpenSSL fails for want of memory.
  virtual ClockDatagramBytes Seal(const ClockDatagram& datagram) = 0;
  // In constant time. Needs kClockDatagramBytes bytes; false of any other number.
  virtual bool IsAuthentic(std::span<const uint8_t> bytes) = 0;
};

}  // namespace audio_latency::wire

#endif  // COMMON_WIRE_CLOCK_DATAGRAM_H_
