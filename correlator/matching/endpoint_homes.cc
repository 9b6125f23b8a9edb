#include "correlator/matching/endpoint_homes.h"

#include <algorithm>

namespace audio_latency::correlator {

void EndpointHomes::Note(const FlowRecord& flow) {
  if (flow.source != flow.destination) {
    NotePeer(flow.source, flow.node, flow.destination);
    NotePeer(flow.destination, flow.node, flow.source);
  }
}

void EndpointHomes::NotePeer(EndpointId endpoint, NodeId node, EndpointId peer) {
  if (pairs_.size() >= kMaxPairs || !pairs_.emplace(endpoint, node, peer).second) {
    return;
  }
  const uint32_t peers = ++peers_at_[{endpoint, node}];
  uint32_t& most = most_peers_[endpoint];
  most = std::max(most, peers);
}

bool EndpointHomes::MayBeHome(EndpointId endpoint, NodeId node) const {
  const auto peers = peers_at_.find({endpoint, node});
  return peers != peers_at_.end() && peers->second >= 2 &&
         peers->second == most_peers_.find(endpoint)->second;
}

}  // namespace audio_latency::correlator
