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
  // Whose the flow is on its node (FlowDefinition.container in probe.proto).
  ContainerHint container;
};

// What matching asks about a flow; a record never changes.
struct FlowRecord {
  // Flows of one 5-tuple (and SSRC) at different observation points share their conversation, while
  // the same two are at its ends.
  ConversationId conversation = 0;
  EndpointId source = 0;
  EndpointId destination = 0;
  NodeId node = 0;
  Direction direction = Direction::kIngress;
  InterfaceRole interface_role = InterfaceRole::kUplink;
  bool is_rtp = false;
  // It is true of events from then on, on the correlator's CLOCK_MONOTONIC.
  int64_t since_ns = std::numeric_limits<int64_t>::min();
};

// How the names of flows fare.
struct NameStatistics {
  // Conversations that got other names than they had, since the start.
  uint64_t renamed = 0;
  // Renamings that found no room, and are tried again; since the start.
  uint64_t postponed = 0;
  // Conversations with a service's address now: those that are one with a pod's, and those that
  // could be several's, and so are left apart. (The rest was seen on one side only.)
  uint64_t services = 0;
  uint64_t services_joined = 0;
  uint64_t services_ambiguous = 0;
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
  // The probe knows by now what is behind the flow's interface; Refresh makes use of it.
  virtual void TellContainer(FlowId flow, const ContainerHint& container) = 0;
  // The flow's probe will not name it again. What is not registered is ignored.
  virtual void Remove(FlowId flow, int64_t monotonic_ns) = 0;
  // Makes the numbers of flows that were removed kFlowQuarantineNs ago free for others. On the
  // monotonic clock: a step of Unix time must not let a number mean two flows at once.
  virtual void ReleaseRemoved(int64_t monotonic_ns) = 0;
  // Asks the directory again where its answers may have changed. A name that came late holds for
  // the whole of the conversation; an address that got another pod makes it another conversation
  // from then on, by the time of the event. Takes some microseconds for each conversation when the
  // directory's version changed; to be called some times a second (NameKeeper), by one thread.
  virtual void Refresh(int64_t unix_time_ns, int64_t monotonic_ns) = 0;

  // As of now.
  virtual const FlowRecord& Record(FlowId flow) const = 0;
  // As of an event's time, on the correlator's CLOCK_MONOTONIC. Good for kFlowQuarantineNs.
  virtual const FlowRecord& RecordAt(FlowId flow, int64_t time_ns) const = 0;
  virtual const FlowDescription& Description(FlowId flow) const = 0;
  virtual const Endpoint& EndpointOf(EndpointId endpoint) const = 0;
  // No conversation has the endpoint any more, and the directory knows another at its address, or
  // none: the pod was deleted. As of the last seconds.
  virtual bool IsGone(EndpointId endpoint) const = 0;
  virtual const std::string& NodeName(NodeId node) const = 0;
  // Flows that are registered and not removed.
  virtual uint32_t flow_count() const = 0;
  virtual NameStatistics Names() const = 0;
  // "flows" (with those that wait for reuse), "endpoints", "node_names" and "flow_names" (of flows
  // that were renamed lately).
  virtual std::vector<TableUse> Tables() const = 0;
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_FLOWS_FLOW_REGISTRY_H_
