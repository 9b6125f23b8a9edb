// Exchanges timestamps with the correlator over UDP, where the kernel tells when a datagram came.

#ifndef PROBE_CLOCK_DATAGRAM_EXCHANGE_H_
#define PROBE_CLOCK_DATAGRAM_EXCHANGE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "audio_latency/v1/probe.pb.h"
#include "common/datagram/datagram_socket.h"
#include "common/logging/logger.h"
#include "common/time/clock.h"

namespace audio_latency::probe {

struct DatagramExchangeStatistics {
  uint64_t requests = 0;
  uint64_t completed = 0;
  // Nothing came in time.
  uint64_t unanswered = 0;
  // What came was no answer to what was asked, or not from who has the key.
  uint64_t unexpected = 0;
  // Thrown away: the wall clock, which the kernel stamps with, was set meanwhile.
  uint64_t wall_clock_set = 0;
  // The last answer is not long ago: the clock is measured this way.
  bool works = false;
  // Of the last exchange: time on the way, there and back, without the correlator's own.
  std::optional<int64_t> last_round_trip_ns;
};

// About ten times a second two exchanges, one directly after the other: the first finds the ways
// through kernel and caches cold, on both sides, by unequal amounts; of the second that is gone
// (measured between two network namespaces: half-gap 2 us instead of 15, error 0.2 instead of 6).
// The narrower of the two is reported. Thread-safe.
class DatagramExchange {
 public:
  static constexpr int64_t kIntervalNs = 100'000'000;
  // How long an answer is waited for.
  static constexpr int64_t kPatienceNs = 1'000'000'000;
  // Without an answer for this long, it does not work.
  static constexpr int64_t kSilenceNs = 5'000'000'000;

  struct Parts {
    // `monotonic` is the clock that events are stamped with, `realtime` the one that sockets are.
    const Clock& realtime;
    const Clock& monotonic;
    Logger* logger = nullptr;
    // To a numeric address and a port.
    std::function<absl::StatusOr<std::unique_ptr<DatagramSocket>>(const std::string&, int)>
        connect = ConnectDatagramSocket;
  };
  // All of `parts` must outlive the exchange.
  static std::unique_ptr<DatagramExchange> Create(const Parts& parts);
  virtual ~DatagramExchange() = default;

  // A stream began, to `host`, with this offer: a thread asks until End. `on_sample` is called
  // by that thread when there is something new to report.
  virtual void Begin(const std::string& host, const v1::DatagramClock& offer,
                     std::function<void()> on_sample) = 0;
  virtual void End() = 0;
  // Moves what was completed since the last call to the end of `samples`.
  virtual void Take(google::protobuf::RepeatedPtrField<v1::ClockSample>* samples) = 0;
  virtual DatagramExchangeStatistics statistics() const = 0;
};

}  // namespace audio_latency::probe

#endif  // PROBE_CLOCK_DATAGRAM_EXCHANGE_H_
