// Reads the kernel's event ring.

#ifndef PROBE_CAPTURE_RING_READER_H_
#define PROBE_CAPTURE_RING_READER_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "common/logging/logger.h"
#include "common/time/clock.h"
#include "probe/capture/event_sink.h"

namespace audio_latency::probe {

struct RingReaderStatistics {
  uint64_t events_read = 0;
  // That the ring has room for.
  uint64_t most_events = 0;
  // Records of the wrong size and failed looks.
  uint64_t read_errors = 0;
  // On the monotonic clock; a reader that runs is never far behind it.
  int64_t last_look_ns = 0;
};

// One thread that looks into the ring by a timer (PollTimer) and hands what it finds to the sink.
class RingReader {
 public:
  // `ring_fd`: the ring buffer map, of `ring_bytes`. Sink, clock (monotonic) and logger must
  // outlive the reader.
  static absl::StatusOr<std::unique_ptr<RingReader>> Start(int ring_fd, size_t ring_bytes,
                                                           EventSink* sink, const Clock& clock,
                                                           Logger* logger);
  // As Stop.
  virtual ~RingReader() = default;

  // Reads what is left in the ring and ends the thread; the sink is not called any more.
  virtual void Stop() = 0;
  // From any thread.
  virtual RingReaderStatistics statistics() const = 0;
};

}  // namespace audio_latency::probe

#endif  // PROBE_CAPTURE_RING_READER_H_
