// The nodes: who reports from each, what it sent, lost and defined.

#ifndef CORRELATOR_INGEST_NODE_TABLE_H_
#define CORRELATOR_INGEST_NODE_TABLE_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "audio_latency/v1/probe.pb.h"
#include "common/loss/sampling_share.h"
#include "common/time/clock.h"
#include "common/wire/event_columns.h"
#include "correlator/flows/flow_registry.h"
#include "correlator/ingest/flow_table.h"
#include "correlator/ingest/node_event.h"
#include "correlator/ingest/node_reader.h"
#include "correlator/load/table_use.h"

namespace audio_latency::correlator {

struct IngestLimits {
  // Probes connected at once.
  uint32_t max_probes = 1000;
  // Flows that one probe may define.
  uint32_t max_flows = 10000;
  // Events a second that are taken of one probe; the others are dropped and counted.
  uint32_t max_events_per_second = 1'000'000;
};

// What can be wrong with what a probe sends; NodeReader::Errors. X(constant, name)
#define INGEST_ERRORS(X)                                         \
  X(kHelloRefused, "hello_refused")                              \
  X(kWrongNode, "wrong_node")                                    \
  X(kHelloMissing, "hello_missing")                              \
  X(kStreamLimit, "stream_limit")                                \
  X(kHelloLimit, "hello_limit")                                  \
  X(kProbeLimit, "probe_limit")                                  \
  X(kCertificateEnded, "certificate_ended")                      \
  X(kMessageTooLarge, "message_too_large")                       \
  X(kStreamBroken, "stream_broken")                              \
  X(kSlowedDown, "probe_slowed_down")                            \
  X(kEventRate, "event_rate")                                    \
  X(kBatchNumberJump, "batch_number_jump")                       \
  X(kInvalidDropCount, "invalid_drop_count")                     \
  X(kProbeSuperseded, "probe_superseded")                        \
  X(kUnexpectedMessage, "unexpected_message")                    \
  X(kDuplicateBatch, "duplicate_batch")                          \
  X(kMissingBatch, "missing_batch")                              \
  X(kInvalidDefinition, "invalid_definition")                    \
  X(kFlowLimitDefinition, "flow_limit")                          \
  X(kMalformedBatch, "malformed_batch")                          \
  X(kUnknownFlowBatch, "unknown_flow")                           \
  X(kInvalidClockExchange, "invalid_clock_exchange")             \
  X(kClockSessionLimit, "clock_session_limit")                   \
  X(kClockDatagramSize, "clock_datagram_size")                   \
  X(kMalformedClockDatagram, "malformed_clock_datagram")         \
  X(kUnknownClockSession, "unknown_clock_session")               \
  X(kClockDatagramNotAuthentic, "clock_datagram_not_authentic")  \
  X(kClockDatagramTooOften, "clock_datagram_too_often")          \
  X(kClockDatagramWallClockSet, "clock_datagram_wall_clock_set") \
  X(kClockDatagramQueueFull, "clock_datagram_queue_full")        \
  X(kClockDatagramNotSent, "clock_datagram_not_sent")

enum class IngestError : uint8_t {
#define INGEST_ERROR_ENUM(constant, name) constant,
  INGEST_ERRORS(INGEST_ERROR_ENUM)
#undef INGEST_ERROR_ENUM
      kCount
};

// What a probe may have on the way before anything else is known.
inline constexpr uint32_t kMostCreditBatches = 32;

// Ends a probe's stream from outside, with a message for it. Thread-safe.
using EndStream = std::function<void(const absl::Status&)>;

// How much a probe may tell now.
struct FlowControl {
  // All batches up to this one are taken; so many may be on the way beyond it.
  uint64_t acknowledged_batch_number = 0;
  uint32_t credit_batches = 0;
  // Of the signatures (bpf/sampling.h).
  uint32_t sampling_threshold = kSamplingAll;
};

// What comes in, of all nodes.
struct IngestLoad {
  // Since the start: taken, and made by probes while they were connected, as they tell.
  uint64_t events_taken = 0;
  uint64_t events_made = 0;
  uint64_t batches_taken = 0;
  // Now: connected probes, and what they have made and not sent.
  uint32_t probes = 0;
  uint64_t pending_events = 0;
};

// Tells a probe on its stream. Thread-safe.
using TellFlowControl = std::function<void(const FlowControl&)>;

// Thread-safe; a node's batches take turns.
class NodeTable final : public NodeReader {
 public:
  // One node. A stream works on it from Attach to Detach.
  struct Node;

  // All must outlive the table.
  NodeTable(FlowRegistry* flows, NodeEventSink* sink, const Clock* realtime_clock,
            const Clock* monotonic_clock, const IngestLimits& limits);
  ~NodeTable() override;
  NodeTable(const NodeTable&) = delete;
  NodeTable& operator=(const NodeTable&) = delete;

  struct Attachment {
    std::shared_ptr<Node> node;
    // Names the stream; work of a stream that another took over from is refused.
    uint64_t stream = 0;
    uint64_t acknowledged_batch_number = 0;
  };
  // Takes a probe instance in. An older instance of the same node is ended; an instance that was
  // superseded is refused with ALREADY_EXISTS while the newer one is connected. RESOURCE_EXHAUSTED
  // beyond the limit. `tell` is called whenever SetFlowControl changes something.
  absl::StatusOr<Attachment> Attach(
      const v1::Hello& hello, EndStream end_stream,
      TellFlowControl tell = [](const FlowControl&) {});
  void Detach(const Attachment& attachment);

  // Takes the batch's definitions and events, and returns the batch number that is acknowledged
  // now; nothing on a stream that another took over from. Whatever is wrong with the batch is
  // counted and the rest taken.
  std::optional<uint64_t> TakeBatch(const Attachment& attachment, const v1::EventBatch& batch);
  void TakeClockSample(const Attachment& attachment, const v1::ClockSample& sample,
                       ClockSource source);
  void TakeClockReport(const Attachment& attachment, const v1::ClockReport& report);

  // What all probes may tell from now on: each may have `credit_batches` on the way.
  void SetFlowControl(uint32_t sampling_threshold, uint32_t credit_batches);
  // As it is now, for a stream that has got so far.
  FlowControl FlowControlAt(uint64_t acknowledged_batch_number) const;
  // Ends all streams; the probes come back with what is not acknowledged.
  void EndStreams(const absl::Status& why);
  IngestLoad Load() const;
  // Lets go of what probes left behind that stay away, and counts what they had not sent as lost.
  // To be called from time to time; most calls do nothing.
  void Sweep();
  void CountError(IngestError error, uint64_t count = 1);
  // Nodes that are remembered, as the table "nodes".
  TableUse Use() const;

  std::vector<NodeSnapshot> Nodes() const override;
  std::vector<PodSignatures> Signatures() const override;
  std::vector<std::pair<std::string, double>> Errors() const override;

 private:
  absl::StatusOr<std::shared_ptr<Node>> FindOrAdd(const std::string& name);
  std::vector<std::shared_ptr<Node>> AllNodes() const;
  void Sweep(int64_t monotonic_ns);
  void TakeDefinitions(const v1::EventBatch& batch, int64_t monotonic_ns, Node* node);
  // Whether the stream is to end, for the probe to define its flows anew and send the batch again:
  // the batch names one that is not defined, and this may help. Notes the time.
  bool NeedsDefinitions(const v1::EventBatch& batch, int64_t monotonic_ns, Node* node);
  void TakeDrops(const v1::EventBatch& batch, Node* node);
  void TakePending(uint64_t pending_events, Node* node);
  void TakeEvents(const v1::EventColumns& columns, int64_t monotonic_ns, Node* node);
  // Events of audio that left the source.
  void CountSignatures(EndpointId source, uint64_t count, int64_t monotonic_ns, Node* node);
  NodeSnapshot Snapshot(const Node& node) const;

  FlowRegistry& flows_;
  NodeEventSink& sink_;
  const Clock& realtime_clock_;
  const Clock& monotonic_clock_;
  const IngestLimits limits_;
  std::array<std::atomic<uint64_t>, static_cast<size_t>(IngestError::kCount)> errors_ = {};
  std::atomic<int64_t> last_sweep_ns_ = 0;
  std::atomic<uint32_t> sampling_threshold_ = kSamplingAll;
  std::atomic<uint32_t> credit_batches_ = kMostCreditBatches;
  std::atomic<uint64_t> events_taken_ = 0;
  std::atomic<uint64_t> events_made_ = 0;
  std::atomic<uint64_t> batches_taken_ = 0;

  // Guards what follows.
  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Node>> nodes_;
  uint64_t next_stream_ = 1;
  uint64_t forgotten_nodes_ = 0;
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_INGEST_NODE_TABLE_H_
