// The flows of replayed events, and their numbers: what a probe and ingest do together when live.

#ifndef CORRELATOR_REPLAY_REPLAY_FLOWS_H_
#define CORRELATOR_REPLAY_REPLAY_FLOWS_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "bpf/capture_abi.h"
#include "common/signature/event_flow.h"
#include "correlator/flows/flow_registry.h"

namespace audio_latency::correlator {

// Where an event was seen.
struct FlowPlace {
  NodeId node = 0;
  const std::string& interface_name;
  InterfaceRole role = InterfaceRole::kUplink;
  Direction direction = Direction::kUnknown;
};

// By EventFlowKey. Not thread-safe.
class ReplayFlows {
 public:
  // `registry` must outlive this.
  ReplayFlows(FlowRegistry* registry, int64_t timeout_ns, size_t max_flows)
      : registry_(*registry), timeout_ns_(timeout_ns), max_flows_(max_flows) {}

  // Absent when there are `max_flows`, or the registry is full. When what is known of the place has
  // changed, the flow gets another number. `now_ns` must not go back.
  std::optional<FlowId> Find(const signature_event& event, const FlowPlace& place, int64_t now_ns);
  void ForgetIdle(int64_t now_ns);
  // Flows of the node that are known now.
  size_t CountOf(NodeId node) const;

 private:
  struct Flow {
    std::optional<FlowId> id;
    InterfaceRole role = InterfaceRole::kUplink;
    int64_t last_seen_ns = 0;
  };

  void Remove(FlowId flow, int64_t now_ns);

  FlowRegistry& registry_;
  const int64_t timeout_ns_;
  const size_t max_flows_;
  absl::flat_hash_map<EventFlowKey, Flow, EventFlowKeyHash> flows_;
  absl::flat_hash_map<NodeId, size_t> counts_;
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_REPLAY_REPLAY_FLOWS_H_
