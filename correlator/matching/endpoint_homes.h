// Which node's captures are an endpoint's own, as far as who was seen with whom tells.

#ifndef CORRELATOR_MATCHING_ENDPOINT_HOMES_H_
#define CORRELATOR_MATCHING_ENDPOINT_HOMES_H_

#include <cstddef>
#include <cstdint>
#include <tuple>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "correlator/flows/flow_registry.h"

namespace audio_latency::correlator {

// For capture points that do not tell directions. At its own node an endpoint is seen with all that
// it talks to (audio into a relay and out of it), at another's only with those that are there. So
// the nodes where it was seen with the most others may be its home, if somewhere it was seen with
// fewer; no clock is asked. Not thread-safe.
class EndpointHomes {
 public:
  // Pairs of endpoints that are remembered, by node; beyond, nothing more is learned.
  static constexpr size_t kMaxPairs = 65536;

  // A flow of unknown direction was seen.
  void Note(const FlowRecord& flow);
  // The node is among those where the endpoint was seen with the most others, which are at least
  // two. Of several such nodes it cannot be told which is the home.
  bool MayBeHome(EndpointId endpoint, NodeId node) const;

 private:
  void NotePeer(EndpointId endpoint, NodeId node, EndpointId peer);

  absl::flat_hash_set<std::tuple<EndpointId, NodeId, EndpointId>> pairs_;
  absl::flat_hash_map<std::pair<EndpointId, NodeId>, uint32_t> peers_at_;
  // At the node where they are most.
  absl::flat_hash_map<EndpointId, uint32_t> most_peers_;
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_MATCHING_ENDPOINT_HOMES_H_
