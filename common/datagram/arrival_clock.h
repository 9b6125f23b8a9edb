// The kernel's wall-clock time of a datagram's arrival, on the monotonic clock.

#ifndef COMMON_DATAGRAM_ARRIVAL_CLOCK_H_
#define COMMON_DATAGRAM_ARRIVAL_CLOCK_H_

#include <cstdint>
#include <optional>
#include <span>

#include "common/datagram/datagram_socket.h"
#include "common/time/clock.h"

namespace audio_latency {

// The kernel stamps what arrives with CLOCK_REALTIME, which may be set at any moment; how far it is
// from the monotonic clock is therefore read when the socket is empty and again when a datagram was
// taken. Not thread-safe.
class ArrivalClock {
 public:
  // All must outlive it. `realtime` is the clock that `socket` stamps with.
  ArrivalClock(DatagramSocket* socket, const Clock& realtime, const Clock& monotonic)
      : socket_(*socket), realtime_(realtime), monotonic_(monotonic) {
    Empty();
  }

  struct Arrival {
    ReceivedDatagram datagram;
    // On the monotonic clock: no earlier than it really was, and later by less than a microsecond
    // unless the kernel did not stamp it, or the thread was held up.
    int64_t monotonic_ns = 0;
    // The wall clock was set since the socket was empty: `monotonic_ns` may be off by any time.
    bool wall_clock_was_set = false;
  };
  // Nothing when no datagram came in `timeout_ns` (negative: no limit) or the socket was
  // interrupted.
  std::optional<Arrival> Receive(std::span<uint8_t> room, int64_t timeout_ns);
  // Throws away what waits, and reads how the clocks stand.
  void Empty();

 private:
  // Realtime minus monotonic is between these.
  struct Distance {
    int64_t least_ns = 0;
    int64_t most_ns = 0;
  };
  Distance Read() const;

  DatagramSocket& socket_;
  const Clock& realtime_;
  const Clock& monotonic_;
  Distance when_empty_;
};

}  // namespace audio_latency

#endif  // COMMON_DATAGRAM_ARRIVAL_CLOCK_H_
