// What ingest hands to the clock stage: signature events and clock exchanges, on the node's clock.

#ifndef CORRELATOR_INGEST_NODE_EVENT_H_
#define CORRELATOR_INGEST_NODE_EVENT_H_

#include <cstdint>
#include <span>

#include "correlator/flows/flow_registry.h"
#include "correlator/ingest/node_reader.h"

namespace audio_latency::correlator {

struct NodeEvent {
  uint64_t signature = 0;
  // The node's CLOCK_MONOTONIC.
  int64_t node_time_ns = 0;
  FlowId flow = 0;
  uint32_t position = 0;
};

// A completed exchange of four timestamps (RFC 5905 §8).
struct ClockExchange {
  int64_t probe_send_ns = 0;          // t1, node's clock
  int64_t correlator_receive_ns = 0;  // t2
  int64_t correlator_send_ns = 0;     // t3
  int64_t probe_receive_ns = 0;       // t4, node's clock
};

struct ClockStatus {
  ClockState state = ClockState::kSynchronising;
  // Correlator's monotonic clock minus the node's.
  int64_t offset_ns = 0;
  int64_t error_bound_ns = 0;
  // Nanoseconds that the offset grows by each nanosecond.
  double drift = 0;
  // Events held until the clock is good.
  uint64_t waiting_events = 0;
  // Events dropped before the clock was good, events older than the matching window, and events
  // whose time no clock error explains.
  uint64_t unsynchronised_events = 0;
  uint64_t too_late_events = 0;
  uint64_t out_of_range_events = 0;
};

// Thread-safe; the calls of one node come one after another.
class NodeEventSink {
 public:
  virtual ~NodeEventSink() = default;

  // A probe started on the node: its clock is not what it was.
  virtual void BeginInstance(NodeId node) = 0;
  // False when the exchange contradicts itself and was not used.
  virtual bool AddExchange(NodeId node, const ClockExchange& exchange) = 0;
  virtual void Take(NodeId node, std::span<const NodeEvent> events) = 0;
  virtual ClockStatus StatusOf(NodeId node) const = 0;
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_INGEST_NODE_EVENT_H_
