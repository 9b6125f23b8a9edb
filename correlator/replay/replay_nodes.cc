#include "correlator/replay/replay_nodes.h"

#include <algorithm>
#include <limits>

#include "common/version/version.h"
#include "correlator/clock/clock_error_board.h"

namespace audio_latency::correlator {
namespace {

constexpr double kNsPerSecond = 1e9;

}  // namespace

ReplayNodes::PointCounts* ReplayNodes::AddPoint(NodeId node, const ObservationPoint& point) {
  const auto [found, is_new] = nodes_.try_emplace(node);
  Node& entry = found->second;
  if (is_new) {
    entry.name = point.node;
    entry.clock_offset_ns = point.clock_offset_ns;
  }
  entry.clock_error_ns = entry.clock_error_ns.has_value() && point.clock_error_ns.has_value()
                             ? std::optional(std::max(*entry.clock_error_ns, *point.clock_error_ns))
                             : std::nullopt;
  entry.time_resolution_ns = std::max(entry.time_resolution_ns, point.time_resolution_ns);
  return &entry.points.emplace_back();
}

int64_t ReplayNodes::ErrorBoundNs(NodeId node) const {
  const Node& entry = nodes_.at(node);
  return entry.clock_error_ns.has_value() ? *entry.clock_error_ns + entry.time_resolution_ns / 2
                                          : ClockErrorBoard::kUnboundedNs;
}

void ReplayNodes::NotePacket(NodeId node, PointCounts* counts, int64_t time_ns,
                             const SoftwareCapture::Counters& capture) {
  Node& entry = nodes_.at(node);
  entry.newest_ns = std::max(entry.newest_ns, time_ns);
  counts->capture = capture;
}

void ReplayNodes::NoteSignature(const Endpoint& source, uint32_t interface) {
  ++signatures_[source.pod.empty() ? source.address.ToString() : source.pod][interface];
}

NodeSnapshot ReplayNodes::SnapshotOf(const Node& node, int64_t error_bound_ns) {
  NodeSnapshot snapshot;
  snapshot.node = node.name;
  snapshot.instance = "replay";
  snapshot.version = Version();
  snapshot.connected = true;
  snapshot.last_seen_unix_ns = node.newest_ns;
  snapshot.clock_state = ClockState::kGood;
  snapshot.clock_offset_seconds = static_cast<double>(node.clock_offset_ns) / kNsPerSecond;
  snapshot.clock_error_bound_seconds = error_bound_ns == ClockErrorBoard::kUnboundedNs
                                           ? std::numeric_limits<double>::infinity()
                                           : static_cast<double>(error_bound_ns) / kNsPerSecond;
  SoftwareCapture::Counters capture = {};
  double unwanted = 0;
  double no_room = 0;
  for (const PointCounts& point : node.points) {
    for (size_t i = 0; i < capture.size(); ++i) {
      capture[i] += point.capture[i];
    }
    snapshot.events += static_cast<double>(point.events);
    unwanted += static_cast<double>(point.unwanted_events);
    no_room += static_cast<double>(point.flow_table_full);
  }
  double lost = no_room;
  for (size_t i = 0; i < capture.size(); ++i) {
    const auto counter = static_cast<capture_counter>(i);
    if (counter == CAPTURE_COUNTER_PACKETS || counter == CAPTURE_COUNTER_EVENTS ||
        counter == CAPTURE_COUNTER_SIGNED || capture[i] == 0) {
      continue;
    }
    const double count = static_cast<double>(capture[i]);
    lost += CaptureCounterIsLoss(counter) ? count : 0;
    snapshot.drops.push_back({.cause = CaptureCounterName(counter),
                              .count = count,
                              .lost = CaptureCounterIsLoss(counter)});
  }
  if (unwanted > 0) {
    snapshot.drops.push_back({.cause = "port_filtered", .count = unwanted, .lost = false});
  }
  if (no_room > 0) {
    snapshot.drops.push_back(
        {.cause = "correlator_flow_table_full", .count = no_room, .lost = true});
  }
  snapshot.lost_share = lost == 0 ? 0 : lost / (lost + snapshot.events);
  return snapshot;
}

std::vector<NodeSnapshot> ReplayNodes::Nodes() const {
  std::vector<NodeSnapshot> snapshots;
  for (const auto& [id, node] : nodes_) {
    NodeSnapshot& snapshot = snapshots.emplace_back(SnapshotOf(node, ErrorBoundNs(id)));
    snapshot.flows = static_cast<double>(flows_.CountOf(id));
  }
  return snapshots;
}

std::vector<PodSignatures> ReplayNodes::Signatures() const {
  std::vector<PodSignatures> signatures;
  for (const auto& [pod, by_interface] : signatures_) {
    uint64_t most = 0;
    for (const auto& [interface, count] : by_interface) {
      most = std::max(most, count);
    }
    signatures.push_back({.pod = pod, .count = static_cast<double>(most)});
  }
  return signatures;
}

}  // namespace audio_latency::correlator
