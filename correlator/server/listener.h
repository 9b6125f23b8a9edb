// Takes connections for gRPC, within limits.

#ifndef CORRELATOR_SERVER_LISTENER_H_
#define CORRELATOR_SERVER_LISTENER_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/logging/limited_logger.h"
#include "common/time/clock.h"
#include "correlator/server/greeting.h"
#include "correlator/server/refusals.h"

namespace audio_latency::correlator {

struct ListenerLimits {
  // Connections open at once, whatever they do.
  uint32_t max_connections = 2256;
  // Of one address; of IPv6, of one /64.
  uint32_t max_connections_per_address = 2256;
};

struct ListenerOptions {
  // Listens on every address that it stands for. "0.0.0.0" and "::" stand for all addresses, IPv6
  // and IPv4.
  std::string host = "127.0.0.1";
  // 0: one that is free.
  uint16_t port = 0;
  ListenerLimits limits;
  // What begins otherwise, or not at all within the time, is closed.
  Greeting greeting = Greeting::kHttp2;
  std::chrono::milliseconds greeting_patience{10'000};
};

// gRPC's own listener ends for good when the process runs out of file descriptors, and takes as
// many connections as come; this one does neither. What is over a limit is closed at once, and what
// begins wrongly when it has; both are counted and logged. Threads: one of its own.
class Listener {
 public:
  // UNAVAILABLE tells why it cannot. The pointers must outlive it.
  static absl::StatusOr<std::unique_ptr<Listener>> Open(const ListenerOptions& options,
                                                        RefusalCounters* refusals,
                                                        const Clock* monotonic,
                                                        LimitedLogger* logger);
  // As Stop.
  virtual ~Listener() = default;

  // `take` gets every connection that begins rightly, with nothing read of it, in the listener's
  // thread, and owns its descriptor; the connection counts until that is closed. Call it once.
  virtual void Start(std::function<void(int fd)> take) = 0;
  // Ends the thread and closes what it listens on, not the connections. Not beside Start.
  virtual void Stop() = 0;
  virtual uint16_t port() const = 0;
  // Thread-safe, also after Stop.
  virtual uint32_t open_connections() const = 0;
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_SERVER_LISTENER_H_
