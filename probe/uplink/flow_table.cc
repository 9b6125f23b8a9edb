#include "probe/uplink/flow_table.h"

#include <algorithm>

#include "common/address/ip_address.h"

namespace audio_latency::probe {

FlowTable::FlowTable(uint32_t max_flows, int64_t timeout_ns, const InterfaceDirectory& directory,
                     FlowContainers* containers)
    : max_flows_(max_flows),
      timeout_ns_(timeout_ns),
      directory_(directory),
      containers_(containers) {}

std::shared_ptr<const FlowRecord> FlowTable::MakeRecord(const signature_event& event) {
  auto record = std::make_shared<FlowRecord>();
  v1::FlowDefinition& definition = record->definition;
  definition.set_flow_id(++last_flow_id_);
  definition.set_interface_index(event.interface_index);
  definition.set_direction(event.direction == CAPTURE_DIRECTION_INGRESS ? v1::DIRECTION_INGRESS
                                                                        : v1::DIRECTION_EGRESS);
  const IpAddress source = IpAddress::FromMapped(event.source_address);
  const IpAddress destination = IpAddress::FromMapped(event.destination_address);
  definition.set_source_address(source.ToBytes());
  definition.set_destination_address(destination.ToBytes());
  definition.set_source_port(event.source_port);
  definition.set_destination_port(event.destination_port);
  definition.set_transport(event.transport);
  if (IsRtp(event)) {
    definition.set_is_rtp(true);
    definition.set_rtp_ssrc(event.rtp_ssrc);
  } else if (KnowsInitialSequence(event)) {
    definition.set_initial_sequence(event.initial_sequence);
  }
  record->interface = directory_.Find(event.interface_index);
  if (containers_ != nullptr) {
    containers_->Ask({.interface_index = event.interface_index,
                      .interface_revision = record->interface->revision,
                      .role = record->interface->role,
                      .is_ingress = event.direction == CAPTURE_DIRECTION_INGRESS,
                      .transport = event.transport,
                      .source = source,
                      .source_port = event.source_port,
                      .destination = destination,
                      .destination_port = event.destination_port},
                     record->container);
  }
  return record;
}

FlowTable::Entry* FlowTable::Find(const signature_event& event) {
  const EventFlowKey key = EventFlowKey::Of(event, event.direction);
  auto found = flows_.find(key);
  if (found == flows_.end()) {
    if (flows_.size() >= max_flows_) {
      return nullptr;
    }
    found = flows_.emplace(key, Entry{MakeRecord(event)}).first;
  }
  Entry& entry = found->second;
  entry.last_seen_ns = std::max(entry.last_seen_ns, static_cast<int64_t>(event.time_ns));
  return &entry;
}

void FlowTable::Prefetch(const signature_event& event) const {
  flows_.prefetch(EventFlowKey::Of(event, event.direction));
}

std::vector<uint64_t> FlowTable::Expire(int64_t now_ns) {
  std::vector<uint64_t> expired;
  absl::erase_if(flows_, [&](const auto& flow) {
    const bool is_over = now_ns - flow.second.last_seen_ns >= timeout_ns_;
    if (is_over) {
      expired.push_back(flow.second.record->id());
    }
    return is_over;
  });
  expired_total_ += expired.size();
  return expired;
}

}  // namespace audio_latency::probe
