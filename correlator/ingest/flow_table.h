// The interfaces and flows that one probe instance defined.

#ifndef CORRELATOR_INGEST_FLOW_TABLE_H_
#define CORRELATOR_INGEST_FLOW_TABLE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "audio_latency/v1/probe.pb.h"
#include "correlator/flows/flow_registry.h"

namespace audio_latency::correlator {

// Not thread-safe. Bounded: `max_flows` definitions, of as many more what it takes to read over
// their events, and kMaxInterfaces interfaces.
class FlowTable {
 public:
  static constexpr size_t kMaxInterfaces = 4096;
  // A flow whose end got lost is forgotten after this: longer than a probe may remember a quiet
  // flow (FLOW_TIMEOUT_MS, a day at most), which it would name again without defining it.
  static constexpr int64_t kIdleNs = 25LL * 3600 * 1'000'000'000;

  struct Flow {
    bool is_rtp = false;
    // Absent when the table or the registry had no room: its events can be read but not kept.
    std::optional<FlowId> id;
    // On the monotonic clock.
    int64_t last_used_ns = 0;
    // Whether its events are counted for their source's pod: of the flows of a conversation one is.
    bool is_at_source = false;
    // The one that it is filed under: its number may become another one (FlowRegistry::Refresh).
    ConversationId conversation = 0;
  };

  // `registry` must outlive the table.
  FlowTable(FlowRegistry* registry, NodeId node, size_t max_flows);
  ~FlowTable();
  FlowTable(const FlowTable&) = delete;
  FlowTable& operator=(const FlowTable&) = delete;

  // INVALID_ARGUMENT tells what is wrong with the definition; RESOURCE_EXHAUSTED that the table is
  // full. Defining the same again changes nothing; defining another under a known number is an
  // error. Both times are now.
  absl::Status Define(const v1::InterfaceDefinition& definition);
  absl::Status Define(const v1::FlowDefinition& definition, int64_t unix_time_ns,
                      int64_t monotonic_ns);
  void End(uint64_t flow_id, int64_t monotonic_ns);
  // nullptr: not defined. What is_at_source says is as of now.
  Flow* Find(uint64_t flow_id);
  void ForgetIdle(int64_t monotonic_ns);
  void Clear(int64_t monotonic_ns);

  size_t size() const { return flows_.size(); }

 private:
  struct Interface {
    std::string name;
    InterfaceRole role = InterfaceRole::kUplink;
  };

  void File(uint64_t flow_id, Flow* flow);
  void Unfile(uint64_t flow_id, const Flow& flow);
  // Decides anew which of the conversation's flows is counted for the source's pod.
  void ChooseSource(ConversationId conversation);
  absl::Status Describe(const v1::FlowDefinition& definition, FlowDescription* flow) const;

  FlowRegistry& registry_;
  const NodeId node_;
  const size_t max_flows_;
  absl::flat_hash_map<uint32_t, Interface> interfaces_;
  absl::flat_hash_map<uint64_t, Flow> flows_;
  // Those for which there was no room in it, so that a batch that names one of them can be read all
  // the same.
  absl::flat_hash_map<uint64_t, Flow> beyond_limit_;
  // The node's flows of each conversation.
  absl::flat_hash_map<ConversationId, std::vector<uint64_t>> conversations_;
  int64_t newest_ns_ = 0;
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_INGEST_FLOW_TABLE_H_
