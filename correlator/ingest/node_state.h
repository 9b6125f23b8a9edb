// What NodeTable knows of one node. Of its own sources only.

#ifndef CORRELATOR_INGEST_NODE_STATE_H_
#define CORRELATOR_INGEST_NODE_STATE_H_

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "common/loss/causes.h"
#include "common/wire/event_columns.h"
#include "correlator/ingest/flow_table.h"
#include "correlator/ingest/node_table.h"
#include "correlator/ingest/rate_budget.h"

namespace audio_latency::correlator {

struct NodeTable::Node {
  static constexpr size_t kMaxDropCauses = 64;

  Node(std::string node_name, NodeId node_id, FlowRegistry* flow_registry,
       const IngestLimits& limits)
      : name(std::move(node_name)),
        id(node_id),
        flows(flow_registry, node_id, limits.max_flows),
        event_budget(limits.max_events_per_second) {}

  const std::string name;
  const NodeId id;

  // Guards what follows.
  std::mutex mutex;
  uint64_t stream = 0;  // 0: not connected
  EndStream end_stream;
  TellFlowControl tell;
  std::string instance;
  std::string version;
  std::deque<std::string> superseded;
  uint64_t acknowledged = 0;
  // Batches before the first that this correlator sees of an instance went to an earlier one.
  bool has_first_batch = false;
  int64_t last_seen_ns = 0;    // Unix time, to show
  int64_t last_active_ns = 0;  // monotonic
  std::optional<int64_t> redefinition_asked_ns;
  // A definition of this stream was refused; the same would be if it came again.
  bool has_refused_definition = false;
  // One of them was refused because the probe or all of them had their most.
  bool is_over_flow_limit = false;
  FlowTable flows;
  RateBudget event_budget;
  std::optional<int64_t> last_datagram_ns;  // monotonic
  std::optional<NodeSnapshot::KernelClock> kernel_clock;

  uint64_t events = 0;
  uint64_t signed_events = 0;
  std::map<std::string, uint64_t> drops;
  uint32_t sampling_threshold = kSamplingAll;
  // That the probe had made and not sent before its newest message.
  uint64_t pending_events = 0;
  // Of a probe that stayed away: counted as lost, until it comes back all the same.
  uint64_t given_up_events = 0;
  // Events of all batches, those too that were dropped here.
  uint64_t received_events = 0;
  // received_events + pending_events at the stream's newest clock report.
  std::optional<uint64_t> made_events;
  // By the pod that they came from.
  struct PodCount {
    uint64_t count = 0;
    int64_t newest_ns = 0;  // monotonic
    EndpointId source = 0;

    // Nothing came for an hour, or for five minutes of a pod that was deleted: not told any more.
    bool IsOver(const FlowRegistry& flows, int64_t monotonic_ns) const {
      constexpr int64_t kMinuteNs = 60'000'000'000;
      return monotonic_ns - newest_ns > (flows.IsGone(source) ? 5 : 60) * kMinuteNs;
    }
  };
  absl::flat_hash_map<std::string, PodCount> signatures;

  // Scratch of a batch.
  std::vector<uint8_t> flow_is_rtp;
  std::vector<FlowTable::Flow*> batch_flows;
  std::vector<uint32_t> flow_events;
  std::vector<wire::WireEvent> wire_events;
  std::vector<NodeEvent> node_events;

  // What the probe had not sent is taken to be lost.
  void GiveUpPending() {
    Drop(kCauseProbeDied, pending_events);
    given_up_events += std::exchange(pending_events, 0);
  }
  // The probe came back, and brings what was given up.
  void TakeBackGivenUp() {
    if (const auto drop = drops.find(kCauseProbeDied); drop != drops.end()) {
      drop->second -= std::min(drop->second, given_up_events);
      if (drop->second == 0) {
        drops.erase(drop);
      }
    }
    pending_events += std::exchange(given_up_events, 0);
  }

  void Drop(const std::string& cause, uint64_t count) {
    if (count == 0) {
      return;
    }
    const auto known = drops.find(cause);
    if (known != drops.end()) {
      known->second += count;
    } else {
      drops[drops.size() < kMaxDropCauses ? cause : "other"] += count;
    }
  }
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_INGEST_NODE_STATE_H_
