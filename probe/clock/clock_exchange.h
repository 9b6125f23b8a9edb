// The probe's side of the four-timestamp exchange (RFC 5905 section 8) with the correlator.

#ifndef PROBE_CLOCK_CLOCK_EXCHANGE_H_
#define PROBE_CLOCK_CLOCK_EXCHANGE_H_

#include <array>
#include <cstdint>
#include <mutex>
#include <optional>
#include <random>

#include "audio_latency/v1/probe.pb.h"
#include "common/time/clock.h"

namespace audio_latency::probe {

struct ClockExchangeStatistics {
  uint64_t requests = 0;
  uint64_t completed = 0;
  // Answers to nothing that was asked on this stream, or to what was asked too long ago.
  uint64_t unexpected = 0;
  // Of the last exchange: time on the way, there and back, without the correlator's own.
  std::optional<int64_t> last_round_trip_ns;
};

// Thread-safe: one thread asks, another one hears the answers. About ten exchanges a second, at
// uneven distances so that they do not keep step with the batches.
class ClockExchange {
 public:
  static constexpr int64_t kIntervalNs = 100'000'000;
  // While datagrams tell the clock better.
  static constexpr int64_t kBesideDatagramsNs = 500'000'000;

  // `monotonic` must outlive the exchange.
  explicit ClockExchange(const Clock& monotonic) : monotonic_(monotonic) {}

  // A new stream: forgets what was asked on the one before. The first request is due at once.
  void Begin();

  // When the next request is due, on the monotonic clock.
  int64_t NextDueNs() const;
  // Fills a request and, last of all, stamps it. Write it at once. The next is due in about
  // `interval_ns`.
  void Fill(v1::ClockRequest* request, int64_t interval_ns = kIntervalNs);
  // `received_ns`: read as early as possible. Completes the sample that rides with the next
  // request.
  void OnResponse(const v1::ClockResponse& response, int64_t received_ns);

  ClockExchangeStatistics statistics() const;

 private:
  struct Asked {
    uint64_t sequence = 0;
    int64_t send_time_ns = 0;
  };

  const Clock& monotonic_;
  mutable std::mutex mutex_;
  std::minstd_rand random_;
  uint64_t last_sequence_ = 0;
  int64_t next_due_ns_ = 0;
  // The last requests, by sequence modulo their number.
  std::array<Asked, 64> asked_ = {};
  std::optional<v1::ClockSample> completed_;
  ClockExchangeStatistics statistics_;
};

}  // namespace audio_latency::probe

#endif  // PROBE_CLOCK_CLOCK_EXCHANGE_H_
