// Answers the probes' requests for the time over UDP.

#ifndef CORRELATOR_INGEST_CLOCK_SERVER_H_
#define CORRELATOR_INGEST_CLOCK_SERVER_H_

#include <cstdint>
#include <functional>
#include <memory>

#include "common/datagram/datagram_socket.h"
#include "common/time/clock.h"
#include "correlator/ingest/clock_sessions.h"

namespace audio_latency::correlator {

// One thread of its own. A request is answered only with the time at which the kernel took it from
// the network, so that what the thread waits for costs no accuracy.
class ClockServer {
 public:
  // `sessions`, the clocks must outlive the server; `count_error` is told of requests that came
  // while the wall clock was set, of how many the socket's full queue took none of, and of answers
  // that could not be sent.
  static std::unique_ptr<ClockServer> Start(
      std::unique_ptr<DatagramSocket> socket, ClockSessions* sessions, const Clock& realtime,
      const Clock& monotonic, std::function<void(IngestError, uint64_t count)> count_error);
  // Ends the thread, at once.
  virtual ~ClockServer() = default;
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_INGEST_CLOCK_SERVER_H_
