// The flows of replayed events, and their numbers: what a probe and ingest do together when live.

#ifndef CORRELATOR_REPLAY_REPLAY_FLOWS_H_
#define CORRELATOR_REPLAY_REPLAY_FLOWS_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "bpf/capture_abi.h"
#include "correlator/flows/flow_registry.h"

namespace audio_latency::correlator {

// Where an event was seen.
struct FlowPlace {
  NodeId node = 0;
  const std::string& interface_name;
  InterfaceRole role = InterfaceRole::kUplink;
  Direction direction = Direction::kUnknown;
};

// Same 5-tuple, interface and kind, for RTP the same SSRC, for TCP the same connection. Not
// thread-safe.
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
  // Everything that tells flows apart, without padding.
  struct Key {
    std::array<uint8_t, 16> source_address;
    std::array<uint8_t, 16> destination_address;
    uint16_t source_port;
    uint16_t destination_port;
    uint32_t interface_index;
    uint32_t ssrc;
    uint32_t initial_sequence;
    uint8_t direction;
    uint8_t transport;
    uint8_t is_rtp;
    uint8_t initial_sequence_known;

    friend bool operator==(const Key&, const Key&) = default;
    template <typename H>
    friend H AbslHashValue(H state, const Key& key) {
      return H::combine(std::move(state), key.source_address, key.destination_address,
                        key.source_port, key.destination_port, key.interface_index, key.ssrc,
                        key.initial_sequence, key.direction, key.transport, key.is_rtp,
                        key.initial_sequence_known);
    }
  };
  struct Flow {
    std::optional<FlowId> id;
    InterfaceRole role = InterfaceRole::kUplink;
    int64_t last_seen_ns = 0;
  };

  void Remove(FlowId flow, int64_t now_ns);
  static Key KeyOf(const signature_event& event, Direction direction);

  FlowRegistry& registry_;
  const int64_t timeout_ns_;
  const size_t max_flows_;
  absl::flat_hash_map<Key, Flow> flows_;
  absl::flat_hash_map<NodeId, size_t> counts_;
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_REPLAY_REPLAY_FLOWS_H_
