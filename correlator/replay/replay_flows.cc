#include "correlator/replay/replay_flows.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "common/address/ip_address.h"

namespace audio_latency::correlator {
namespace {

FlowDescription Describe(const signature_event& event, const FlowPlace& place) {
  FlowDescription flow{.node = place.node,
                       .interface_name = place.interface_name,
                       .interface_role = place.role,
                       .direction = place.direction,
                       .source = IpAddress::FromMapped(event.source_address),
                       .destination = IpAddress::FromMapped(event.destination_address),
                       .source_port = event.source_port,
                       .destination_port = event.destination_port,
                       .transport = event.transport,
                       .is_rtp = IsRtp(event),
                       .rtp_ssrc = IsRtp(event) ? event.rtp_ssrc : 0,
                       .initial_sequence = std::nullopt,
                       .container = {}};
  if (KnowsInitialSequence(event)) {
    flow.initial_sequence = event.initial_sequence;
  }
  return flow;
}

}  // namespace

std::optional<FlowId> ReplayFlows::Find(const signature_event& event, const FlowPlace& place,
                                        int64_t now_ns) {
  const EventFlowKey key = EventFlowKey::Of(event, static_cast<uint8_t>(place.direction));
  auto found = flows_.find(key);
  if (found == flows_.end()) {
    if (flows_.size() >= max_flows_) {
      return std::nullopt;
    }
    found = flows_.try_emplace(key).first;
  }
  Flow& flow = found->second;
  flow.last_seen_ns = now_ns;
  if (flow.id.has_value() && flow.role == place.role) {
    return flow.id;
  }
  if (flow.id.has_value()) {
    Remove(*flow.id, now_ns);
    flow.id.reset();
  }
  registry_.ReleaseRemoved(now_ns);
  if (const absl::StatusOr<FlowId> id = registry_.Add(Describe(event, place), now_ns); id.ok()) {
    ++counts_[place.node];
    flow.id = *id;
    flow.role = place.role;
  }
  return flow.id;
}

void ReplayFlows::ForgetIdle(int64_t now_ns) {
  std::vector<FlowId> ended;
  absl::erase_if(flows_, [&](const auto& entry) {
    const bool is_idle = now_ns - entry.second.last_seen_ns >= timeout_ns_;
    if (is_idle && entry.second.id.has_value()) {
      ended.push_back(*entry.second.id);
    }
    return is_idle;
  });
  // A hash table's order is another in every run; numbers are given anew in the order of removal.
  std::sort(ended.begin(), ended.end());
  for (const FlowId flow : ended) {
    Remove(flow, now_ns);
  }
}

void ReplayFlows::Remove(FlowId flow, int64_t now_ns) {
  --counts_[registry_.Record(flow).node];
  registry_.Remove(flow, now_ns);
}

size_t ReplayFlows::CountOf(NodeId node) const {
  const auto count = counts_.find(node);
  return count == counts_.end() ? 0 : count->second;
}

}  // namespace audio_latency::correlator
