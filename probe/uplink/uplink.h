// The stream to the correlator, kept up.

#ifndef PROBE_UPLINK_UPLINK_H_
#define PROBE_UPLINK_UPLINK_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "audio_latency/v1/probe.pb.h"
#include "common/logging/logger.h"
#include "common/time/clock.h"
#include "common/tls/tls_store.h"
#include "probe/clock/clock_exchange.h"
#include "probe/clock/datagram_exchange.h"
#include "probe/uplink/batch_queue.h"

namespace audio_latency::probe {

struct UplinkOptions {
  // host:port.
  std::string correlator_address;
  // Certificates, which may change while the uplink runs; nullptr: plain text. Must outlive it.
  const TlsStore* tls = nullptr;
  // The name that the correlator's certificate must bear; "": the host in correlator_address.
  std::string tls_server_name;
  // Who we are and how we sign.
  v1::Hello hello;
  std::chrono::milliseconds first_retry{200};
  std::chrono::milliseconds longest_retry{2'000};
  // After the correlator refused this probe: somebody has to change a configuration or a
  // certificate (when ours does, there is no wait) first. For room, tries go on as after a lost
  // connection.
  std::chrono::milliseconds retry_after_refusal{30'000};
  // After another probe reports our node: the one that is to go may be that one, and what happens
  // until we are let in again is seen by nobody.
  std::chrono::milliseconds retry_after_name_taken{5'000};
  // To connect, and to be welcomed.
  std::chrono::milliseconds patience{5'000};
  // Called with what the correlator wants to be kept (bpf/sampling.h), by a thread of the uplink.
  std::function<void(uint32_t threshold)> on_sampling = [](uint32_t) {};
  // A stream that has lasted so long may end, as the correlator's do once an hour (connections are
  // bounded in age, so that they find other addresses): nothing is said unless the next try fails.
  std::chrono::milliseconds lasting{60'000};
  // Between two lines that say that the correlator is out of reach, or that our node's name is
  // still taken.
  std::chrono::milliseconds log_interval{30'000};
};

struct UplinkStatistics {
  bool connected = false;
  uint64_t connections = 0;
  uint64_t failed_attempts = 0;
};

// Sends the queue's batches and asks for the time, on one gRPC stream. When that breaks it connects
// again, for ever, while the queue keeps what is not acknowledged. Threads of its own; every method
// may be called from any thread.
class Uplink {
 public:
  // All must outlive the uplink. `monotonic`: the clock that the events were stamped with.
  static std::unique_ptr<Uplink> Start(const UplinkOptions& options, BatchQueue* queue,
                                       ClockExchange* clock_exchange, DatagramExchange* datagrams,
                                       const Clock& monotonic, Logger* logger);
  // Ends the stream and the threads, at once.
  virtual ~Uplink() = default;

  virtual UplinkStatistics statistics() const = 0;
};

}  // namespace audio_latency::probe

#endif  // PROBE_UPLINK_UPLINK_H_
