// Passes on what probe and correlator say, late.

#ifndef TESTS_CLOCK_DELAY_RELAY_H_
#define TESTS_CLOCK_DELAY_RELAY_H_

#include <cstdint>
#include <functional>
#include <memory>

namespace audio_latency::testing {

// How long something is held, in nanoseconds; asked for each in turn.
using DelayRule = std::function<int64_t()>;

// In front of 127.0.0.1's ports, on ports of its own, for one client of each kind. Each of the four
// ways (TCP and UDP, there and back) has a thread: what comes while it holds something waits
// behind.
class DelayRelay {
 public:
  struct Ways {
    DelayRule up;
    DelayRule down;
    // Where not even one datagram comes through.
    bool blocks_udp = false;
  };
  // Listens.
  static std::unique_ptr<DelayRelay> Open(const Ways& ways);
  virtual ~DelayRelay() = default;

  // Begins to pass on, to these ports.
  virtual void PassOnTo(int tcp_port, int udp_port) = 0;

  virtual int tcp_port() const = 0;
  virtual int udp_port() const = 0;
};

}  // namespace audio_latency::testing

#endif  // TESTS_CLOCK_DELAY_RELAY_H_
