#include "correlator/ingest/flow_table.h"

#include <algorithm>
#include <utility>

#include "common/status/status_macros.h"
#include "correlator/ingest/container_hint.h"
#include "fmt/format.h"

namespace audio_latency::correlator {
namespace {

// Linux allows 15 characters; other systems may be kinder.
constexpr size_t kMaxInterfaceName = 64;
constexpr uint32_t kTcp = 6;
constexpr uint32_t kUdp = 17;
constexpr uint32_t kMaxPort = 65535;

bool IsSame(const FlowDescription& a, const FlowDescription& b) {
  return a.node == b.node && a.interface_name == b.interface_name &&
         a.interface_role == b.interface_role && a.direction == b.direction &&
         a.source == b.source && a.destination == b.destination && a.source_port == b.source_port &&
         a.destination_port == b.destination_port && a.transport == b.transport &&
         a.is_rtp == b.is_rtp && a.rtp_ssrc == b.rtp_ssrc;
}

}  // namespace

FlowTable::FlowTable(FlowRegistry* registry, NodeId node, size_t max_flows)
    : registry_(*registry), node_(node), max_flows_(max_flows) {}

FlowTable::~FlowTable() { Clear(newest_ns_); }

absl::Status FlowTable::Define(const v1::InterfaceDefinition& definition) {
  if (definition.name().size() > kMaxInterfaceName) {
    return absl::InvalidArgumentError(
        fmt::format("interface {}: the name may have {} bytes, it has {}",
                    definition.interface_index(), kMaxInterfaceName, definition.name().size()));
  }
  // It is shown in answers: a terminal must not take it for a command. Bytes above ASCII may stand
  // in it, and protobuf lets only UTF-8 through.
  if (std::any_of(definition.name().begin(), definition.name().end(), [](char byte) {
        constexpr char kFirstPrintable = 0x20;
        constexpr char kDelete = 0x7f;
        return (byte >= 0 && byte < kFirstPrintable) || byte == kDelete;
      })) {
    return absl::InvalidArgumentError(fmt::format(
        "interface {}: there are control characters in its name", definition.interface_index()));
  }
  if (!interfaces_.contains(definition.interface_index()) && interfaces_.size() >= kMaxInterfaces) {
    return absl::ResourceExhaustedError(
        fmt::format("more than {} interfaces are defined", kMaxInterfaces));
  }
  // The probe has no name for an interface that went before it looked, and no role for what is
  // neither uplink nor container (loopback, bridges): there the direction alone tells, as at an
  // uplink. The same goes for roles of a newer probe.
  interfaces_[definition.interface_index()] = {
      .name = definition.name().empty() ? fmt::format("if{}", definition.interface_index())
                                        : definition.name(),
      .role = definition.role() == v1::INTERFACE_ROLE_CONTAINER ? InterfaceRole::kContainer
                                                                : InterfaceRole::kUplink};
  return absl::OkStatus();
}

absl::Status FlowTable::Describe(const v1::FlowDefinition& definition,
                                 FlowDescription* flow) const {
  const auto invalid = [&](const std::string& what) {
    return absl::InvalidArgumentError(fmt::format("flow {}: {}", definition.flow_id(), what));
  };
  if (definition.flow_id() == 0) {
    return invalid("numbers start from 1");
  }
  const auto interface = interfaces_.find(definition.interface_index());
  if (interface == interfaces_.end()) {
    return invalid(fmt::format("interface {} is not defined", definition.interface_index()));
  }
  if (definition.direction() != v1::DIRECTION_INGRESS &&
      definition.direction() != v1::DIRECTION_EGRESS) {
    return invalid(fmt::format("unknown direction {}", static_cast<int>(definition.direction())));
  }
  if (definition.transport() != kTcp && definition.transport() != kUdp) {
    return invalid(fmt::format("transport {} is neither TCP nor UDP", definition.transport()));
  }
  if (definition.is_rtp() && definition.transport() != kUdp) {
    return invalid("RTP is expected over UDP only");
  }
  if (definition.source_port() > kMaxPort || definition.destination_port() > kMaxPort) {
    return invalid("a port is above 65535");
  }
  const absl::StatusOr<IpAddress> source = IpAddress::FromBytes(definition.source_address());
  if (!source.ok()) {
    return invalid(fmt::format("source address: {}", Message(source.status())));
  }
  const absl::StatusOr<IpAddress> destination =
      IpAddress::FromBytes(definition.destination_address());
  if (!destination.ok()) {
    return invalid(fmt::format("destination address: {}", Message(destination.status())));
  }
  *flow = {.node = node_,
           .interface_name = interface->second.name,
           .interface_role = interface->second.role,
           .direction = definition.direction() == v1::DIRECTION_INGRESS ? Direction::kIngress
                                                                        : Direction::kEgress,
           .source = *source,
           .destination = *destination,
           .source_port = static_cast<uint16_t>(definition.source_port()),
           .destination_port = static_cast<uint16_t>(definition.destination_port()),
           .transport = static_cast<uint8_t>(definition.transport()),
           .is_rtp = definition.is_rtp(),
           .rtp_ssrc = definition.is_rtp() ? definition.rtp_ssrc() : 0,
           .initial_sequence = std::nullopt,
           .container = {}};
  if (definition.has_initial_sequence()) {
    flow->initial_sequence = definition.initial_sequence();
  }
  if (definition.has_container()) {
    const absl::StatusOr<ContainerHint> container = ReadContainerHint(definition.container());
    if (!container.ok()) {
      return invalid(fmt::format("container: {}", Message(container.status())));
    }
    flow->container = *container;
  }
  return absl::OkStatus();
}

absl::Status FlowTable::Define(const v1::FlowDefinition& definition, int64_t unix_time_ns,
                               int64_t monotonic_ns) {
  newest_ns_ = std::max(newest_ns_, monotonic_ns);
  FlowDescription description;
  RETURN_IF_ERROR(Describe(definition, &description));
  auto known = flows_.find(definition.flow_id());
  if (known != flows_.end() && known->second.id.has_value()) {
    if (!IsSame(registry_.Description(*known->second.id), description)) {
      return absl::InvalidArgumentError(
          fmt::format("flow {}: the number already stands for another flow", definition.flow_id()));
    }
    registry_.TellContainer(*known->second.id, description.container);
    return absl::OkStatus();
  }
  if (known == flows_.end()) {
    if (flows_.size() >= max_flows_) {
      if (beyond_limit_.size() < max_flows_) {
        beyond_limit_[definition.flow_id()] = {.is_rtp = definition.is_rtp(),
                                               .id = std::nullopt,
                                               .last_used_ns = monotonic_ns,
                                               .is_at_source = false};
      }
      return absl::ResourceExhaustedError(fmt::format(
          "flow {}: {} flows are defined, which is the limit; raise MAX_FLOWS_PER_PROBE",
          definition.flow_id(), flows_.size()));
    }
    beyond_limit_.erase(definition.flow_id());
    known = flows_.try_emplace(definition.flow_id()).first;
  }
  known->second.is_rtp = definition.is_rtp();
  known->second.last_used_ns = monotonic_ns;
  registry_.ReleaseRemoved(monotonic_ns);
  ASSIGN_OR_RETURN(known->second.id, registry_.Add(description, unix_time_ns));
  File(definition.flow_id(), &known->second);
  return absl::OkStatus();
}

void FlowTable::File(uint64_t flow_id, Flow* flow) {
  flow->conversation = registry_.Record(*flow->id).conversation;
  conversations_[flow->conversation].push_back(flow_id);
  ChooseSource(flow->conversation);
}

void FlowTable::Unfile(uint64_t flow_id, const Flow& flow) {
  const ConversationId conversation = flow.conversation;
  const auto entry = conversations_.find(conversation);
  std::erase(entry->second, flow_id);
  if (entry->second.empty()) {
    conversations_.erase(entry);
  } else {
    ChooseSource(conversation);
  }
}

void FlowTable::ChooseSource(ConversationId conversation) {
  const auto entry = conversations_.find(conversation);
  if (entry == conversations_.end()) {
    return;
  }
  // Out of a container is the source's side beyond doubt; else out of the node, unless the
  // conversation came into the node by another interface and only passes through. Numbers grow in
  // the order in which the probe saw the flows.
  uint64_t out_of_container = 0;
  uint64_t out_of_node = 0;
  for (const uint64_t flow_id : entry->second) {
    const FlowRecord& record = registry_.Record(*flows_.at(flow_id).id);
    const bool is_container = record.interface_role == InterfaceRole::kContainer;
    if ((record.direction == Direction::kIngress) != is_container) {
      continue;
    }
    uint64_t& first = is_container ? out_of_container : out_of_node;
    const auto interface_of = [&](uint64_t id) -> const std::string& {
      return registry_.Description(*flows_.at(id).id).interface_name;
    };
    if (first == 0) {
      first = flow_id;
    } else if (interface_of(first) == interface_of(flow_id)) {
      // The interface went and came back: nothing more comes by the older one.
      first = std::max(first, flow_id);
    } else {
      first = std::min(first, flow_id);
    }
  }
  uint64_t chosen = out_of_container != 0 ? out_of_container : out_of_node;
  if (out_of_container == 0 && out_of_node != 0) {
    const std::string& interface = registry_.Description(*flows_.at(out_of_node).id).interface_name;
    for (const uint64_t flow_id : entry->second) {
      const FlowDescription& flow = registry_.Description(*flows_.at(flow_id).id);
      if (flow.direction == Direction::kIngress && flow.interface_name != interface) {
        chosen = 0;
      }
    }
  }
  for (const uint64_t flow_id : entry->second) {
    flows_.at(flow_id).is_at_source = flow_id == chosen;
  }
}

void FlowTable::End(uint64_t flow_id, int64_t monotonic_ns) {
  newest_ns_ = std::max(newest_ns_, monotonic_ns);
  beyond_limit_.erase(flow_id);
  const auto flow = flows_.find(flow_id);
  if (flow == flows_.end()) {
    return;
  }
  if (flow->second.id.has_value()) {
    Unfile(flow_id, flow->second);
    registry_.Remove(*flow->second.id, monotonic_ns);
  }
  flows_.erase(flow);
}

FlowTable::Flow* FlowTable::Find(uint64_t flow_id) {
  const auto flow = flows_.find(flow_id);
  if (flow == flows_.end()) {
    const auto beyond = beyond_limit_.find(flow_id);
    return beyond == beyond_limit_.end() ? nullptr : &beyond->second;
  }
  if (flow->second.id.has_value() &&
      registry_.Record(*flow->second.id).conversation != flow->second.conversation) {
    Unfile(flow_id, flow->second);
    File(flow_id, &flow->second);
  }
  return &flow->second;
}

void FlowTable::ForgetIdle(int64_t monotonic_ns) {
  absl::erase_if(beyond_limit_, [&](const auto& entry) {
    return monotonic_ns - entry.second.last_used_ns > kIdleNs;
  });
  for (auto flow = flows_.begin(); flow != flows_.end();) {
    const auto current = flow++;
    if (monotonic_ns - current->second.last_used_ns > kIdleNs) {
      End(current->first, monotonic_ns);
    }
  }
}

void FlowTable::Clear(int64_t monotonic_ns) {
  for (const auto& [id, flow] : flows_) {
    if (flow.id.has_value()) {
      registry_.Remove(*flow.id, monotonic_ns);
    }
  }
  flows_.clear();
  beyond_limit_.clear();
  conversations_.clear();
  interfaces_.clear();
}

}  // namespace audio_latency::correlator
