// Batches between the capture thread, which makes them, and the stream, which may be down.

#ifndef PROBE_UPLINK_BATCH_QUEUE_H_
#define PROBE_UPLINK_BATCH_QUEUE_H_

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "audio_latency/v1/probe.pb.h"
#include "common/loss/causes.h"
#include "probe/uplink/flow_table.h"

namespace audio_latency::probe {

// What was lost, by cause.
using DropCounts = std::map<std::string, uint64_t>;

// A batch as the capture thread leaves it: not yet numbered, its flows not yet defined.
struct SealedBatch {
  v1::EventColumns columns;
  // Of columns.flow_ids, in that order.
  std::vector<std::shared_ptr<const FlowRecord>> flows;
  // Flows that no later batch names.
  std::vector<uint64_t> ended_flow_ids;
  DropCounts drops;
  // Made by the capture programs and not yet read.
  uint64_t unread_events = 0;
  // The least under which any of its events was made; 0: it has none.
  uint32_t sampling_threshold = 0;
};

// A batch as it goes on the stream, but for the definitions that the stream still needs.
struct OutgoingBatch {
  v1::EventBatch message;
  std::vector<std::shared_ptr<const FlowRecord>> flows;
  // Told to the correlator once this batch is acknowledged.
  std::vector<uint64_t> ended_flow_ids;
  size_t bytes = 0;
  bool was_sent = false;
};

struct BatchQueueStatistics {
  uint64_t batches_sealed = 0;
  uint64_t batches_sent = 0;
  uint64_t batches_resent = 0;
  uint64_t batches_acknowledged = 0;
  uint64_t batches_dropped = 0;
  uint64_t events_sealed = 0;
  uint64_t events_acknowledged = 0;
  uint64_t bytes_sent = 0;
  // How often the correlator's credit was used up.
  uint64_t credit_used_up = 0;
  // Since the start, by cause; what was lost in the kernel is in it.
  DropCounts drops;
  // Now.
  size_t buffered_batches = 0;
  size_t buffered_bytes = 0;
  uint64_t buffered_events = 0;
  // Most that buffered_bytes can be, but for a batch of each of its two parts.
  size_t most_buffered_bytes = 0;
  // Batches that may be sent on this stream before the next acknowledgement.
  size_t credit_batches = 0;
};

// Thread-safe: one thread pushes, one sends. Batches get their numbers when they are first sent and
// are kept until they are acknowledged, so that numbers have no gaps. None is sent beyond what the
// correlator gave credit for. Where there is no room, the oldest batch that was never sent goes;
// its events are counted, its own counts go with the next.
class BatchQueue {
 public:
  struct Limits {
    // Of batches that wait for their first sending.
    size_t waiting_bytes = size_t{16} << 20;
    // Of batches that were sent and are not yet acknowledged.
    size_t in_flight_bytes = size_t{1} << 20;
  };

  explicit BatchQueue(const Limits& limits) : limits_(limits) {}
  BatchQueue(const BatchQueue&) = delete;
  BatchQueue& operator=(const BatchQueue&) = delete;

  void Push(SealedBatch batch);

  // A stream begins, on which the correlator said what it already has. Everything else that was
  // sent goes again, once there is credit.
  void BeginStream(uint64_t acknowledged_number);
  void EndStream();
  // The next batch to send, or null when there is none, no credit, or too much is in flight.
  std::shared_ptr<const OutgoingBatch> Next();
  // All batches up to `number` are taken; `credit` may be on the way beyond it.
  void Acknowledge(uint64_t number, uint32_t credit);

  // Returns when Next may have a batch, Wake was called, or at the deadline.
  void WaitUntil(std::chrono::steady_clock::time_point deadline);
  // Ends a WaitUntil, or the next one.
  void Wake();
  // True once everything that was pushed is acknowledged; false when that did not happen in time.
  bool WaitUntilEmpty(std::chrono::steady_clock::time_point deadline);

  // Made, and in no batch that was sent on this stream: what it would take to be up to date.
  uint64_t UnsentEvents() const;

  BatchQueueStatistics statistics() const;

 private:
  using Batch = std::shared_ptr<OutgoingBatch>;

  bool HasCreditLocked() const { return sent_on_stream_ < credit_; }
  bool HasBatchToSendLocked() const;
  bool CanSendLocked() const { return HasBatchToSendLocked() && HasCreditLocked(); }
  void AcknowledgeLocked(uint64_t number);
  void DropOldestWaitingLocked();
  Batch NumberNextLocked();

  const Limits limits_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool wake_ = false;

  std::deque<Batch> waiting_;
  size_t waiting_bytes_ = 0;
  std::deque<Batch> in_flight_;
  size_t in_flight_bytes_ = 0;
  // How many of in_flight_ have gone out on this stream.
  size_t sent_on_stream_ = 0;
  uint64_t last_number_ = 0;
  bool is_streaming_ = false;
  uint32_t credit_ = 0;
  // What the next batch that is numbered takes along.
  DropCounts pending_drops_;
  std::vector<uint64_t> pending_ended_flow_ids_;
  uint64_t unread_events_ = 0;
  uint64_t waiting_events_ = 0;
  // Of dropped batches; goes with the next one that is pushed.
  std::vector<uint64_t> carried_ended_flow_ids_;
  BatchQueueStatistics statistics_;
};

}  // namespace audio_latency::probe

#endif  // PROBE_UPLINK_BATCH_QUEUE_H_
