// The flows that events belong to, and their numbers.

#ifndef PROBE_UPLINK_FLOW_TABLE_H_
#define PROBE_UPLINK_FLOW_TABLE_H_

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "audio_latency/v1/probe.pb.h"
#include "bpf/capture_abi.h"
#include "common/signature/event_flow.h"
#include "probe/capture/interface.h"
#include "probe/capture/interface_directory.h"
#include "probe/containers/container_slot.h"
#include "probe/containers/flow_containers.h"

namespace audio_latency::probe {

// A flow as the correlator is told of it; immutable but for its container, shared by the batches
// that name it.
struct FlowRecord {
  v1::FlowDefinition definition;
  std::shared_ptr<const Interface> interface;
  // What is found out of the flow's container, in time; never null.
  std::shared_ptr<ContainerSlot> container = std::make_shared<ContainerSlot>();

  uint64_t id() const { return definition.flow_id(); }
};

// Makes flows out of events, by EventFlowKey. Not thread-safe.
class FlowTable {
 public:
  // `directory` and `containers` must outlive the table. `containers` is asked for the container of
  // each new flow; null: nobody is.
  FlowTable(uint32_t max_flows, int64_t timeout_ns, const InterfaceDirectory& directory,
            FlowContainers* containers);

  struct Entry {
    std::shared_ptr<const FlowRecord> record;
    int64_t last_seen_ns = 0;
    // Where the flow stands in the flow table of the batch in work, and which batch that is. For
    // the batcher.
    uint64_t batch_sequence = 0;
    uint32_t batch_index = 0;
  };

  // The event's flow, made when it is new; null when the table is full. The entry is valid until
  // the next call.
  Entry* Find(const signature_event& event);

  // Begins to load what Find will need for this event. With thousands of flows nearly every Find
  // has to wait for memory, which is most of what an event costs; asked for early, it comes
  // meanwhile.
  void Prefetch(const signature_event& event) const;

  // Forgets flows that have been silent for the timeout at `now_ns`, on the clock of the events,
  // and gives their numbers, which are never used again.
  std::vector<uint64_t> Expire(int64_t now_ns);

  size_t size() const { return flows_.size(); }
  uint64_t expired_total() const { return expired_total_; }

 private:
  std::shared_ptr<const FlowRecord> MakeRecord(const signature_event& event);

  const uint32_t max_flows_;
  const int64_t timeout_ns_;
  const InterfaceDirectory& directory_;
  FlowContainers* const containers_;
  uint64_t last_flow_id_ = 0;
  uint64_t expired_total_ = 0;
  absl::flat_hash_map<EventFlowKey, Entry, EventFlowKeyHash> flows_;
};

}  // namespace audio_latency::probe

#endif  // PROBE_UPLINK_FLOW_TABLE_H_
