// Snapshots of paths, hops and nodes as messages.

#ifndef CORRELATOR_QUERY_SNAPSHOTS_TO_PROTO_H_
#define CORRELATOR_QUERY_SNAPSHOTS_TO_PROTO_H_

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "audio_latency/v1/latency.pb.h"
#include "correlator/ingest/node_reader.h"
#include "correlator/paths/snapshot.h"

namespace audio_latency::correlator {

void ToProto(const Endpoint& endpoint, v1::Endpoint* message);
void ToProto(const HopSnapshot& hop, v1::Hop* message);
void ToProto(const NodeSnapshot& node, v1::Node* message);
// `lost_share`: of the events behind the path.
void ToProto(const PathSnapshot& path, double lost_share, v1::Path* message);

// What an answer tells of the clocks behind it: those of `names` (empty: of all nodes), and of
// every connected node whose clock is not good, since it may be why something is missing.
void AddClocks(const std::vector<NodeSnapshot>& nodes, const std::set<std::string>& names,
               google::protobuf::RepeatedPtrField<v1::NodeClock>* clocks);

// Whether the hop has an end of this pod, workload or address.
bool GoesThrough(const HopSnapshot& hop, std::string_view name);

// The same for paths. `hops`, those between pods, tell to which workload a pod belongs where the
// path has several pods in one place.
bool GoesThrough(const PathSnapshot& path, std::string_view name,
                 const std::vector<HopSnapshot>& hops);

// The names of the nodes that the path touches, as far as they are known, sorted; empty: none
// is.
std::vector<std::string> NodesOf(const PathSnapshot& path, const std::vector<HopSnapshot>& hops);
// The same of a hop.
std::vector<std::string> NodesOf(const HopSnapshot& hop);

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_QUERY_SNAPSHOTS_TO_PROTO_H_
