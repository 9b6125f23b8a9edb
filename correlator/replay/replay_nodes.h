// What readers of nodes see of a replay: a node is the captures that share its name and clock.

#ifndef CORRELATOR_REPLAY_REPLAY_NODES_H_
#define CORRELATOR_REPLAY_REPLAY_NODES_H_

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bpf/software/software_capture.h"
#include "correlator/flows/flow_registry.h"
#include "correlator/ingest/node_reader.h"
#include "correlator/replay/observation_point.h"
#include "correlator/replay/replay_flows.h"

namespace audio_latency::correlator {

// Not thread-safe.
class ReplayNodes final : public NodeReader {
 public:
  // `flows` must outlive this.
  explicit ReplayNodes(const ReplayFlows* flows) : flows_(*flows) {}

  // Of one point; kept by the caller as long as this lives.
  struct PointCounts {
    SoftwareCapture::Counters capture = {};
    uint64_t events = 0;
    // Of ports that were not asked for.
    uint64_t unwanted_events = 0;
    uint64_t flow_table_full = 0;
  };

  PointCounts* AddPoint(NodeId node, const ObservationPoint& point);
  int64_t OffsetNs(NodeId node) const { return nodes_.at(node).clock_offset_ns; }
  int64_t TimeResolutionNs(NodeId node) const { return nodes_.at(node).time_resolution_ns; }
  // The clock's error, and half of the times' resolution; ClockErrorBoard::kUnboundedNs when a
  // point's is not known.
  int64_t ErrorBoundNs(NodeId node) const;
  void NotePacket(NodeId node, PointCounts* counts, int64_t time_ns,
                  const SoftwareCapture::Counters& capture);
  // A signature of audio of this pod was seen at an interface. The interface that saw most of them
  // tells how many there were.
  void NoteSignature(const Endpoint& source, uint32_t interface);

  std::vector<NodeSnapshot> Nodes() const override;
  std::vector<PodSignatures> Signatures() const override;
  std::vector<std::pair<std::string, double>> Errors() const override { return {}; }

 private:
  struct Node {
    std::string name;
    int64_t clock_offset_ns = 0;
    std::optional<int64_t> clock_error_ns = 0;
    int64_t time_resolution_ns = 1;
    int64_t newest_ns = 0;
    std::deque<PointCounts> points;
  };

  static NodeSnapshot SnapshotOf(const Node& node, int64_t error_bound_ns);

  const ReplayFlows& flows_;
  std::map<NodeId, Node> nodes_;
  // By pod and interface.
  std::map<std::string, std::map<uint32_t, uint64_t>> signatures_;
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_REPLAY_REPLAY_NODES_H_
