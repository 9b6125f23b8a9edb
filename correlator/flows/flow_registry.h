// Every flow, conversation, endpoint and observation point has a small number here, so that the
// event path carries numbers only.

#ifndef CORRELATOR_FLOWS_FLOW_REGISTRY_H_
#define CORRELATOR_FLOWS_FLOW_REGISTRY_H_

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/address/ip_address.h"
#include "correlator/endpoints/endpoint_directory.h"
#include "correlator/load/table_use.h"

namespace audio_latency::correlator {

using FlowId = uint32_t;
using ConversationId = uint32_t;
using EndpointId = uint32_t;
using NodeId = uint16_t;

// A number of a removed flow is not given to another before this: longer than anything that still
// names it (observations in the matching window, matches in the log of newest ones).
inline constexpr int64_t kFlowQuarantineNs = 60'000'000'000;
// The number of an endpoint without flows is not given to another before this: longer than a hop
// without samples is told (SeriesTable::kIdleNs).
inline constexpr int64_t kEndpointQuarantineNs = 2LL * 3600 * 1'000'000'000;

// Of a packet at an interface, seen from the node. A capture file may not tell it.
enum class Direction : uint8_t { kUnknown = 0, kIngress = 1, kEgress = 2 };

// What an interface faces (InterfaceRole of probe.proto).
enum class InterfaceRole : uint8_t { kUplink, kContainer };

// A flow as its probe defined it.
struct FlowDescription {
  NodeId node = 0;
  std::string interface_name;
  InterfaceRole interface_role = InterfaceRole::kUplink;
  Direction direction = Direction::kIngress;
  IpAddress source;
  IpAddress destination;
  uint16_t source_port = 0;
  uint16_t destination_port = 0;
  uint8_t transport = 0;  // IP protocol number
  bool is_rtp = false;
  uint32_t rtp_ssrc = 0;
  std::optional<uint32_t> initial_sequence;
  // What is behind a container's interface.
  ContainerHint container;
};

// What matching asks about a flow; immutable once registered.
struct FlowRecord {
  // Flows of one 5-tuple (and SSRC) at different observation points share their conversation.
  ConversationId conversation = 0;
  EndpointId source = 0;
  EndpointId destination = 0;
  NodeId node = 0;
  Direction direction = Direction::kIngress;
  InterfaceRole interface_role = InterfaceRole::kUplink;
  bool is_rtp = false;
};

// Thread-safe: Add takes a lock; reads of a registered flow never wait. Bounded: beyond the limit
// Add fails with RESOURCE_EXHAUSTED and the caller counts the flow's events as dropped.
// Conversations live as long as one of their flows, endpoints kEndpointQuarantineNs longer: they
// are what hops are named by.
class FlowRegistry {
 public:
  // `directory` must outlive the registry. There are twice `max_flows` numbers, so that as many may
  // wait for reuse as are in use. A node has twice `max_flows_per_node` of them: whose flows come
  // and go quickly uses up its own numbers, not the others'.
  static std::unique_ptr<FlowRegistry> Create(
      const EndpointDirectory& directory, uint32_t max_flows,
      uint32_t max_flows_per_node = std::numeric_limits<uint32_t>::max());
  virtual ~FlowRegistry() = default;

  // The number of a node by name, made at first sight; RESOURCE_EXHAUSTED beyond 65,535.
  virtual absl::StatusOr<NodeId> InternNode(const std::string& name) = 0;
  // `unix_time_ns`: when the flow began, for the directory; its node must have been interned. The
  // same pod is the same endpoint whatever its address; an address without a pod is an endpoint of
  // its own.
  virtual absl::StatusOr<FlowId> Add(const FlowDescription& flow, int64_t unix_time_ns) = 0;
  // The flow's probe will not name it again. What is not registered is ignored.
  virtual void Remove(FlowId flow, int64_t monotonic_ns) = 0;
  // Makes the numbers of flows that were removed kFlowQuarantineNs ago free for others. On the
  // monotonic clock: a step of Unix time must not let a number mean two flows at once.
  virtual void ReleaseRemoved(int64_t monotonic_ns) = 0;

  virtual const FlowRecord& Record(FlowId flow) const = 0;
  virtual const FlowDescription& Description(FlowId flow) const = 0;
  virtual const Endpoint& EndpointOf(EndpointId endpoint) const = 0;
  virtual const std::string& NodeName(NodeId node) const = 0;
  // Flows that are registered and not removed.
  virtual uint32_t flow_count() const = 0;
  // "flows" (with those that wait for reuse), "endpoints" and "node_names".
  virtual std::vector<TableUse> Tables() const = 0;
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_FLOWS_FLOW_REGISTRY_H_
