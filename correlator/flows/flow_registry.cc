#include "correlator/flows/flow_registry.h"

#include <algorithm>
#include <array>
#include <deque>
#include <mutex>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "common/status/status_macros.h"
#include "correlator/flows/chunked_store.h"
#include "fmt/format.h"

namespace audio_latency::correlator {
namespace {

constexpr size_t kMaxNodes = 65535;
// Endpoints stay for hours; a cluster that changes much needs room for more than are alive.
constexpr size_t kLeastMaxEndpoints = 65536;

// What all observation points of one conversation agree on. `node` tells apart addresses that mean
// something else on every node (127.0.0.1).
struct ConversationKey {
  IpAddress source;
  IpAddress destination;
  uint16_t source_port = 0;
  uint16_t destination_port = 0;
  uint8_t transport = 0;
  bool is_rtp = false;
  uint32_t rtp_ssrc = 0;
  int32_t node = -1;

  friend bool operator==(const ConversationKey&, const ConversationKey&) = default;
  template <typename H>
  friend H AbslHashValue(H state, const ConversationKey& key) {
    return H::combine(std::move(state), key.source, key.destination, key.source_port,
                      key.destination_port, key.transport, key.is_rtp, key.rtp_ssrc, key.node);
  }
};

// Names one host on each node.
bool IsNodeLocal(const IpAddress& address) {
  return address.is_loopback() || address.is_link_local();
}

ConversationKey ConversationKeyOf(const FlowDescription& flow) {
  ConversationKey key{.source = flow.source,
                      .destination = flow.destination,
                      .source_port = flow.source_port,
                      .destination_port = flow.destination_port,
                      .transport = flow.transport,
                      .is_rtp = flow.is_rtp,
                      .rtp_ssrc = flow.is_rtp ? flow.rtp_ssrc : 0};
  if (IsNodeLocal(flow.source) || IsNodeLocal(flow.destination)) {
    key.node = flow.node;
  }
  return key;
}

// What makes two endpoints one: the pod when it is known, else the address.
struct EndpointKey {
  std::string namespace_name;
  std::string pod;
  IpAddress address;

  friend bool operator==(const EndpointKey&, const EndpointKey&) = default;
  template <typename H>
  friend H AbslHashValue(H state, const EndpointKey& key) {
    return H::combine(std::move(state), key.namespace_name, key.pod, key.address);
  }
};

struct FlowSlot {
  FlowRecord record;
  FlowDescription description;
  bool is_live = false;  // the writer's
};

struct KnownEndpoint {
  EndpointId id = 0;
  // Ends of flows that it is.
  uint32_t uses = 0;
  // When it lost the last of them, on the monotonic clock.
  int64_t idle_since_ns = 0;
  // In the queue of those that were idle once.
  bool is_queued = false;
};

struct Conversation {
  ConversationId id = 0;
  uint32_t flow_count = 0;
};

class FlowRegistryImplementation final : public FlowRegistry {
 public:
  FlowRegistryImplementation(const EndpointDirectory& directory, uint32_t max_flows,
                             uint32_t max_flows_per_node)
      : directory_(directory),
        max_flows_(max_flows),
        max_numbers_per_node_(size_t{max_flows_per_node} * 2),
        flows_(size_t{max_flows} * 2),
        endpoints_(std::max(kLeastMaxEndpoints, size_t{max_flows} * 4)),
        node_names_(kMaxNodes) {}

  absl::StatusOr<NodeId> InternNode(const std::string& name) override {
    const std::scoped_lock lock(mutex_);
    if (const auto found = nodes_.find(name); found != nodes_.end()) {
      return found->second;
    }
    if (nodes_.size() >= kMaxNodes) {
      ++refused_nodes_;
      return absl::ResourceExhaustedError(
          fmt::format("node {}: {} nodes are known already, which is the limit", name, kMaxNodes));
    }
    const NodeId id = static_cast<NodeId>(nodes_.size());
    node_names_.Writable(id) = name;
    nodes_.emplace(name, id);
    return id;
  }

  absl::StatusOr<FlowId> Add(const FlowDescription& flow, int64_t unix_time_ns) override {
    // Asked outside the lock: a directory may take its time.
    const auto [source, destination] = Resolve(flow, unix_time_ns);

    const std::scoped_lock lock(mutex_);
    if (live_flows_ >= max_flows_ || (free_flows_.empty() && used_slots_ == flows_.capacity())) {
      ++refused_flows_;
      return absl::ResourceExhaustedError(fmt::format(
          "{} flows are registered and {} wait for reuse; raise MAX_FLOWS (now {}) to take more",
          live_flows_, quarantine_.size(), max_flows_));
    }
    uint32_t& numbers_of_node = numbers_by_node_[flow.node];
    if (numbers_of_node >= max_numbers_per_node_) {
      ++refused_flows_;
      return absl::ResourceExhaustedError(
          fmt::format("{} flows of node {} are registered or wait for reuse; its flows come and go "
                      "too quickly, or raise MAX_FLOWS_PER_PROBE (now {})",
                      numbers_of_node, node_names_[flow.node], max_numbers_per_node_ / 2));
    }
    FlowRecord record{.node = flow.node,
                      .direction = flow.direction,
                      .interface_role = flow.interface_role,
                      .is_rtp = flow.is_rtp};
    if (!HasRoomFor({KeyOf(source), KeyOf(destination)})) {
      ++refused_endpoints_;
      return absl::ResourceExhaustedError(
          fmt::format("{} endpoints are known, which is the limit; raise MAX_FLOWS (now {})",
                      endpoint_ids_.size(), max_flows_));
    }
    record.source = InternEndpoint(source);
    record.destination = InternEndpoint(destination);
    record.conversation = JoinConversation(ConversationKeyOf(flow));

    FlowId id = 0;
    if (!free_flows_.empty()) {
      id = free_flows_.back();
      free_flows_.pop_back();
    } else {
      id = used_slots_++;
    }
    FlowSlot& slot = flows_.Writable(id);
    slot.record = record;
    slot.description = flow;
    slot.is_live = true;
    ++live_flows_;
    ++numbers_of_node;
    return id;
  }

  void Remove(FlowId flow, int64_t monotonic_ns) override {
    const std::scoped_lock lock(mutex_);
    ReleaseQuarantined(monotonic_ns);
    if (flow >= used_slots_ || !flows_.Writable(flow).is_live) {
      return;
    }
    flows_.Writable(flow).is_live = false;
    --live_flows_;
    quarantine_.emplace_back(monotonic_ns, flow);
  }

  void ReleaseRemoved(int64_t monotonic_ns) override {
    const std::scoped_lock lock(mutex_);
    ReleaseQuarantined(monotonic_ns);
  }

  const FlowRecord& Record(FlowId flow) const override { return flows_[flow].record; }
  const FlowDescription& Description(FlowId flow) const override {
    return flows_[flow].description;
  }
  const Endpoint& EndpointOf(EndpointId endpoint) const override { return endpoints_[endpoint]; }
  const std::string& NodeName(NodeId node) const override { return node_names_[node]; }
  uint32_t flow_count() const override {
    const std::scoped_lock lock(mutex_);
    return live_flows_;
  }
  std::vector<TableUse> Tables() const override {
    const std::scoped_lock lock(mutex_);
    return {{.table = "flows",
             .used = static_cast<double>(used_slots_ - free_flows_.size()),
             .limit = static_cast<double>(flows_.capacity()),
             .evictions = static_cast<double>(refused_flows_)},
            {.table = "endpoints",
             .used = static_cast<double>(endpoint_ids_.size()),
             .limit = static_cast<double>(endpoints_.capacity()),
             .evictions = static_cast<double>(refused_endpoints_)},
            {.table = "node_names",
             .used = static_cast<double>(nodes_.size()),
             .limit = static_cast<double>(kMaxNodes),
             .evictions = static_cast<double>(refused_nodes_)}};
  }

 private:
  // The flow's source and destination.
  std::pair<Endpoint, Endpoint> Resolve(const FlowDescription& flow, int64_t unix_time_ns) const {
    EndpointQuery source{.address = flow.source,
                         .port = flow.source_port,
                         .transport = flow.transport,
                         .unix_time_ns = unix_time_ns,
                         .container = {},
                         .observing_node = node_names_[flow.node]};
    EndpointQuery destination = source;
    destination.address = flow.destination;
    destination.port = flow.destination_port;
    if (flow.interface_role == InterfaceRole::kContainer) {
      // What comes into the node by the host's end of a container's veth comes out of the
      // container.
      (flow.direction == Direction::kIngress ? source : destination).container = flow.container;
    }
    return {directory_.Resolve(source).endpoint, directory_.Resolve(destination).endpoint};
  }

  static EndpointKey KeyOf(const Endpoint& endpoint) {
    EndpointKey key;
    if (endpoint.pod.empty()) {
      key.address = endpoint.address;
    } else {
      key.namespace_name = endpoint.namespace_name;
      key.pod = endpoint.pod;
    }
    return key;
  }

  bool HasRoomFor(const std::array<EndpointKey, 2>& ends) const {
    size_t room = endpoints_.capacity() - used_endpoints_ + free_endpoints_.size();
    if (!endpoint_ids_.contains(ends[0])) {
      if (room == 0) {
        return false;
      }
      --room;
    }
    return room > 0 || endpoint_ids_.contains(ends[1]) || ends[0] == ends[1];
  }

  // There must be room.
  EndpointId InternEndpoint(const Endpoint& endpoint) {
    const auto [entry, is_new] = endpoint_ids_.try_emplace(KeyOf(endpoint));
    if (is_new) {
      if (!free_endpoints_.empty()) {
        entry->second.id = free_endpoints_.back();
        free_endpoints_.pop_back();
      } else {
        entry->second.id = static_cast<EndpointId>(used_endpoints_++);
      }
      endpoints_.Writable(entry->second.id) = endpoint;
    }
    ++entry->second.uses;
    return entry->second.id;
  }

  void LeaveEndpoint(EndpointId id, int64_t monotonic_ns) {
    KnownEndpoint& known = endpoint_ids_.find(KeyOf(endpoints_[id]))->second;
    if (--known.uses > 0) {
      return;
    }
    known.idle_since_ns = monotonic_ns;
    if (!std::exchange(known.is_queued, true)) {
      idle_endpoints_.emplace_back(monotonic_ns, id);
    }
  }

  void ForgetIdleEndpoints(int64_t monotonic_ns) {
    while (!idle_endpoints_.empty() &&
           monotonic_ns - idle_endpoints_.front().first >= kEndpointQuarantineNs) {
      const EndpointId id = idle_endpoints_.front().second;
      idle_endpoints_.pop_front();
      const auto entry = endpoint_ids_.find(KeyOf(endpoints_[id]));
      KnownEndpoint& known = entry->second;
      if (known.uses > 0) {
        known.is_queued = false;
      } else if (monotonic_ns - known.idle_since_ns < kEndpointQuarantineNs) {
        // It was in use meanwhile.
        idle_endpoints_.emplace_back(known.idle_since_ns, id);
      } else {
        endpoint_ids_.erase(entry);
        free_endpoints_.push_back(id);
      }
    }
  }

  ConversationId JoinConversation(const ConversationKey& key) {
    const auto [entry, is_new] = conversations_.try_emplace(key);
    if (is_new) {
      if (!free_conversations_.empty()) {
        entry->second.id = free_conversations_.back();
        free_conversations_.pop_back();
      } else {
        entry->second.id = next_conversation_++;
      }
    }
    ++entry->second.flow_count;
    return entry->second.id;
  }

  void LeaveConversation(const ConversationKey& key) {
    const auto entry = conversations_.find(key);
    if (--entry->second.flow_count == 0) {
      free_conversations_.push_back(entry->second.id);
      conversations_.erase(entry);
    }
  }

  void ReleaseQuarantined(int64_t monotonic_ns) {
    while (!quarantine_.empty() && monotonic_ns - quarantine_.front().first >= kFlowQuarantineNs) {
      const FlowId flow = quarantine_.front().second;
      quarantine_.pop_front();
      LeaveConversation(ConversationKeyOf(flows_[flow].description));
      LeaveEndpoint(flows_[flow].record.source, monotonic_ns);
      LeaveEndpoint(flows_[flow].record.destination, monotonic_ns);
      free_flows_.push_back(flow);
      const auto count = numbers_by_node_.find(flows_[flow].record.node);
      if (--count->second == 0) {
        numbers_by_node_.erase(count);
      }
    }
    ForgetIdleEndpoints(monotonic_ns);
  }

  const EndpointDirectory& directory_;
  const uint32_t max_flows_;
  const size_t max_numbers_per_node_;
  // Guards what follows; the stores are written under it and read by anyone.
  mutable std::mutex mutex_;
  ChunkedStore<FlowSlot> flows_;
  ChunkedStore<Endpoint> endpoints_;
  ChunkedStore<std::string> node_names_;
  absl::flat_hash_map<std::string, NodeId> nodes_;
  absl::flat_hash_map<EndpointKey, KnownEndpoint> endpoint_ids_;
  size_t used_endpoints_ = 0;
  std::vector<EndpointId> free_endpoints_;
  // Each once, by about when it fell idle; not all are idle still.
  std::deque<std::pair<int64_t, EndpointId>> idle_endpoints_;
  uint64_t refused_flows_ = 0;
  uint64_t refused_endpoints_ = 0;
  uint64_t refused_nodes_ = 0;
  absl::flat_hash_map<ConversationKey, Conversation> conversations_;
  std::vector<ConversationId> free_conversations_;
  ConversationId next_conversation_ = 0;
  std::vector<FlowId> free_flows_;
  // When it was removed, in that order.
  std::deque<std::pair<int64_t, FlowId>> quarantine_;
  // Of flows that are registered or wait for reuse.
  absl::flat_hash_map<NodeId, uint32_t> numbers_by_node_;
  uint32_t used_slots_ = 0;
  uint32_t live_flows_ = 0;
};

}  // namespace

std::unique_ptr<FlowRegistry> FlowRegistry::Create(const EndpointDirectory& directory,
                                                   uint32_t max_flows,
                                                   uint32_t max_flows_per_node) {
  return std::make_unique<FlowRegistryImplementation>(directory, max_flows, max_flows_per_node);
}

}  // namespace audio_latency::correlator
