// Makes batches out of events.

#ifndef PROBE_UPLINK_BATCHER_H_
#define PROBE_UPLINK_BATCHER_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "common/logging/logger.h"
#include "common/time/clock.h"
#include "common/wire/event_columns.h"
#include "probe/capture/counters.h"
#include "probe/capture/event_sink.h"
#include "probe/uplink/batch_queue.h"
#include "probe/uplink/flow_table.h"

namespace audio_latency::probe {

// Gathers events and seals a batch every 100 ms, or earlier when it is full. Takes no lock and
// looks up nothing but the flow for an event. Used by the reader's thread; statistics by any.
class Batcher final : public EventSink {
 public:
  struct Options {
    int64_t interval_ns = 100'000'000;
    // Large enough that several packets of a stream share a batch, which makes them short on the
    // wire; small enough that a clock message behind it is not held up for long.
    uint32_t max_events = 16384;
    uint32_t max_flows = 10000;
    int64_t flow_timeout_ns = 30'000'000'000;
  };
  // All must outlive the batcher. `clock`: the monotonic one, which stamped the events.
  struct Parts {
    const InterfaceDirectory* directory;
    // Null: nobody finds out whose flows they are.
    FlowContainers* containers;
    const CounterSource* counters;
    BatchQueue* queue;
    const Clock* clock;
    Logger* logger;
  };
  struct Statistics {
    uint64_t flows = 0;
    uint64_t flows_expired = 0;
  };

  Batcher(const Options& options, const Parts& parts);

  void OnEvents(std::span<const signature_event> events) override;
  void OnTick() override;
  // Seals what there is. Call it when the reader has stopped.
  void Flush();

  Statistics statistics() const;

 private:
  void Add(const signature_event& event);
  void Seal(int64_t now_ns);
  void CountKernelLosses();

  const Options options_;
  const Parts parts_;
  FlowTable flow_table_;

  // Of the batch in work.
  uint64_t batch_sequence_ = 1;
  std::vector<wire::WireEvent> events_;
  std::vector<std::shared_ptr<const FlowRecord>> flows_;
  std::vector<uint64_t> flow_ids_;
  std::vector<uint8_t> flow_is_rtp_;
  std::vector<uint64_t> ended_flow_ids_;
  DropCounts drops_;

  int64_t sealed_at_ns_;
  int64_t expired_at_ns_;
  uint64_t flow_limit_drops_ = 0;
  uint64_t events_read_ = 0;
  // As it was when the batch in work was begun.
  uint32_t sampling_threshold_;
  CaptureCounters last_counters_ = {};
  std::atomic<uint64_t> flow_count_ = 0;
  std::atomic<uint64_t> flows_expired_ = 0;
};

}  // namespace audio_latency::probe

#endif  // PROBE_UPLINK_BATCHER_H_
