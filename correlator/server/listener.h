// Takes connections for gRPC, within limits.

#ifndef CORRELATOR_SERVER_LISTENER_H_
#define CORRELATOR_SERVER_LISTENER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/logging/limited_logger.h"
#include "common/time/clock.h"
#include "correlator/server/refusals.h"

namespace audio_latency::correlator {

struct ListenerLimits {
  // Connections open at once, whatever they do.
  uint32_t max_connections = 2256;
  // Of one address; of IPv6, of one /64.
  uint32_t max_connections_per_address = 2256;
};

// gRPC's own listener ends for good when the process runs out of file descriptors, and takes as
// many connections as come; this one does neither. What is over a limit is closed at once,
// counted and logged. Threads: one of its own.
class Listener {
 public:
  // Listens on every address that `host` stands for, at `port` (0: one that is free). "0.0.0.0"
  // and "::" stand for all addresses, IPv6 and IPv4. UNAVAILABLE tells why it cannot.
  // The pointers must outlive it.
  static absl::StatusOr<std::unique_ptr<Listener>> Open(const std::string& host, uint16_t port,
                                                        const ListenerLimits& limits,
                                                        RefusalCounters* refusals,
                                                        const Clock* monotonic,
                                                        LimitedLogger* logger);
  // As Stop.
  virtual ~Listener() = default;

  // `take` gets every connection from now on, in the listener's thread, and owns its descriptor;
  // the connection counts until that is closed. Call it once.
  virtual void Start(std::function<void(int fd)> take) = 0;
  // Ends the thread and closes what it listens on, not the connections. Not beside Start.
  virtual void Stop() = 0;
  virtual uint16_t port() const = 0;
  // Thread-safe, also after Stop.
  virtual uint32_t open_connections() const = 0;
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_SERVER_LISTENER_H_
