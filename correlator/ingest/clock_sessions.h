// Who may ask for the time over UDP: the probes whose streams are open.

#ifndef CORRELATOR_INGEST_CLOCK_SESSIONS_H_
#define CORRELATOR_INGEST_CLOCK_SESSIONS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>

#include "absl/container/flat_hash_map.h"
#include "audio_latency/v1/probe.pb.h"
#include "common/time/clock.h"
#include "common/wire/clock_datagram.h"
#include "correlator/ingest/node_table.h"
#include "correlator/load/table_use.h"

namespace audio_latency::correlator {

// Thread-safe. Each session has a random id and key and lasts as long as its stream.
class ClockSessions {
 public:
  // Requests of one session that are answered in a second: some ten times what a probe asks.
  static constexpr uint32_t kMostAnswersASecond = 200;

  struct Options {
    // UDP port that is told to the probes.
    int port = 0;
    size_t max_sessions = 2000;
  };
  // `count_error` is told of all that is refused; thread-safe. `monotonic` must outlive the table.
  ClockSessions(const Options& options, const Clock& monotonic,
                std::function<void(IngestError)> count_error)
      : options_(options), monotonic_(monotonic), count_error_(std::move(count_error)) {}

  // What to offer to a probe; nothing when there is no room (counted) or no randomness.
  std::optional<v1::DatagramClock> Open();
  void Close(uint64_t session_id);

  // The answer to what came at `arrival_ns`, stamped as late as possible: send it at once. Nothing
  // when it deserves none.
  std::optional<wire::ClockDatagramBytes> Answer(std::span<const uint8_t> request,
                                                 int64_t arrival_ns);

  size_t size() const;
  // As the table "clock_sessions".
  TableUse Use() const;

 private:
  struct Session {
    std::unique_ptr<wire::ClockKey> key;
    int64_t second_began_ns = 0;
    uint32_t answers = 0;
  };

  std::optional<wire::ClockDatagramBytes> Refuse(IngestError error) const {
    count_error_(error);
    return std::nullopt;
  }

  const Options options_;
  const Clock& monotonic_;
  const std::function<void(IngestError)> count_error_;
  mutable std::mutex mutex_;
  absl::flat_hash_map<uint64_t, Session> sessions_;
  uint64_t refused_ = 0;
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_INGEST_CLOCK_SESSIONS_H_
