#include "correlator/ingest/node_table.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>
#include <optional>
#include <utility>

#include "bpf/capture_abi.h"
#include "common/names/node_name.h"
#include "common/status/status_macros.h"
#include "correlator/ingest/rate_budget.h"
#include "fmt/format.h"

namespace audio_latency::correlator {
namespace {

constexpr size_t kMaxText = 64;  // of an instance, a version, a cause
constexpr size_t kMaxDropCauses = 64;
// More of one cause are not lost between two batches; sums of what is below stay exact as doubles.
constexpr uint64_t kMaxDropCount = uint64_t{1} << 40;
// Batches are numbered as they are sent: a probe's buffer does not hold more than these.
constexpr uint64_t kMaxMissingBatches = uint64_t{1} << 20;
constexpr size_t kMaxPods = 4096;
constexpr size_t kMaxSuperseded = 8;
// Nodes are shown for a while after they went; per probe that may be connected.
constexpr size_t kRememberedPerProbe = 4;
constexpr int64_t kSweepSpacingNs = 10'000'000'000;
// How long a lost probe's flows wait for it to come back.
constexpr int64_t kDisconnectedFlowsNs = 60'000'000'000;
// A stream is not ended more often than this to have flows defined anew.
constexpr int64_t kRedefinitionSpacingNs = 10'000'000'000;
// A probe reports ten times a second, what it exchanged since.
constexpr int kMaxSamplesPerReport = 64;
// Without an exchange over UDP for this long, the clock is measured on the stream.
constexpr int64_t kDatagramsNs = 5'000'000'000;

constexpr const char* kErrorNames[] = {
#define INGEST_ERROR_NAME(constant, name) name,
    INGEST_ERRORS(INGEST_ERROR_NAME)
#undef INGEST_ERROR_NAME
};

// Causes that the probe's kernel part counts without an event being lost. Others are losses.
bool IsHarmless(const std::string& cause) {
  static const auto* const kHarmless = new std::vector<std::string>{
#define CAPTURE_COUNTER_HARMLESS(constant, name, lost) (lost) ? "" : name,
      CAPTURE_COUNTERS(CAPTURE_COUNTER_HARMLESS)
#undef CAPTURE_COUNTER_HARMLESS
  };
  return std::find(kHarmless->begin(), kHarmless->end(), cause) != kHarmless->end();
}

// Untrusted; what is no number is told as infinite.
NodeSnapshot::KernelClock KernelClockOf(const v1::KernelClock& told) {
  const auto number = [](double value) {
    return std::isfinite(value) ? value : std::numeric_limits<double>::infinity();
  };
  return {.is_synchronised = told.is_synchronised(),
          .offset_seconds = number(told.offset_seconds()),
          .frequency_ppm = number(told.frequency_ppm()),
          .estimated_error_seconds = number(told.estimated_error_seconds()),
          .maximum_error_seconds = number(told.maximum_error_seconds())};
}

}  // namespace

struct NodeTable::Node {
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
  FlowTable flows;
  RateBudget event_budget;
  std::optional<int64_t> last_datagram_ns;  // monotonic
  std::optional<NodeSnapshot::KernelClock> kernel_clock;

  uint64_t events = 0;
  std::map<std::string, uint64_t> drops;
  absl::flat_hash_map<std::string, uint64_t> signatures;

  // Scratch of a batch.
  std::vector<uint8_t> flow_is_rtp;
  std::vector<FlowTable::Flow*> batch_flows;
  std::vector<uint32_t> flow_events;
  std::vector<wire::WireEvent> wire_events;
  std::vector<NodeEvent> node_events;

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

NodeTable::NodeTable(FlowRegistry* flows, NodeEventSink* sink, const Clock* realtime_clock,
                     const Clock* monotonic_clock, const IngestLimits& limits)
    : flows_(*flows),
      sink_(*sink),
      realtime_clock_(*realtime_clock),
      monotonic_clock_(*monotonic_clock),
      limits_(limits) {}

NodeTable::~NodeTable() = default;

void NodeTable::CountError(IngestError error, uint64_t count) {
  errors_[static_cast<size_t>(error)].fetch_add(count, std::memory_order_relaxed);
}

std::vector<std::shared_ptr<NodeTable::Node>> NodeTable::AllNodes() const {
  const std::scoped_lock lock(mutex_);
  std::vector<std::shared_ptr<Node>> nodes;
  nodes.reserve(nodes_.size());
  for (const auto& [name, node] : nodes_) {
    nodes.push_back(node);
  }
  return nodes;
}

absl::StatusOr<std::shared_ptr<NodeTable::Node>> NodeTable::FindOrAdd(const std::string& name) {
  size_t connected = 0;
  auto longest_gone = nodes_.end();
  int64_t longest_gone_ns = 0;
  for (auto entry = nodes_.begin(); entry != nodes_.end(); ++entry) {
    Node& node = *entry->second;
    const std::scoped_lock lock(node.mutex);
    if (node.stream != 0) {
      connected += entry->first != name;
    } else if (longest_gone == nodes_.end() || node.last_active_ns < longest_gone_ns) {
      longest_gone = entry;
      longest_gone_ns = node.last_active_ns;
    }
  }
  if (connected >= limits_.max_probes) {
    CountError(IngestError::kProbeLimit);
    return absl::ResourceExhaustedError(
        fmt::format("{} probes are connected, which is the limit; raise MAX_PROBES at the "
                    "correlator to take node {}",
                    connected, name));
  }
  if (const auto known = nodes_.find(name); known != nodes_.end()) {
    return known->second;
  }
  if (nodes_.size() >= kRememberedPerProbe * limits_.max_probes && longest_gone != nodes_.end()) {
    nodes_.erase(longest_gone);
  }
  ASSIGN_OR_RETURN(const NodeId id, flows_.InternNode(name));
  auto node = std::make_shared<Node>(name, id, &flows_, limits_);
  nodes_.emplace(name, node);
  return node;
}

absl::StatusOr<NodeTable::Attachment> NodeTable::Attach(const v1::Hello& hello,
                                                        EndStream end_stream) {
  if (const absl::Status status = CheckNodeName(hello.node()); !status.ok()) {
    return absl::InvalidArgumentError(fmt::format("{}; set K8S_NODE_NAME", Message(status)));
  }
  // They are shown in answers, logs and metrics.
  if (hello.instance().empty() || !IsPlainText(hello.instance(), kMaxText) ||
      !IsPlainText(hello.version(), kMaxText)) {
    return absl::InvalidArgumentError(
        fmt::format("the probe's instance and version must be printable ASCII of at most {} bytes "
                    "(instance has {}, version {})",
                    kMaxText, hello.instance().size(), hello.version().size()));
  }
  const int64_t now_ns = monotonic_clock_.NowNs();
  Sweep(now_ns);
  EndStream end_older;
  absl::Status why;
  Attachment attachment;
  {
    const std::scoped_lock lock(mutex_);
    ASSIGN_OR_RETURN(attachment.node, FindOrAdd(hello.node()));
    Node& node = *attachment.node;
    const std::scoped_lock node_lock(node.mutex);
    const bool is_known = node.instance == hello.instance();
    const bool was_superseded = std::find(node.superseded.begin(), node.superseded.end(),
                                          hello.instance()) != node.superseded.end();
    if (was_superseded && node.stream != 0) {
      return absl::AlreadyExistsError(
          fmt::format("node {} is reported by a newer probe, instance {}; stop one of the two, or "
                      "give them different K8S_NODE_NAMEs",
                      node.name, node.instance));
    }
    if (node.stream != 0) {
      end_older = std::exchange(node.end_stream, nullptr);
      why = absl::AlreadyExistsError(
          is_known ? fmt::format("the probe of node {} opened another stream", node.name)
                   : fmt::format("a newer probe, instance {}, reports node {}; stop one of the "
                                 "two, or give them different K8S_NODE_NAMEs",
                                 hello.instance(), node.name));
      if (!is_known) {
        CountError(IngestError::kProbeSuperseded);
      }
    }
    if (!is_known) {
      if (!node.instance.empty()) {
        node.superseded.push_back(node.instance);
        if (node.superseded.size() > kMaxSuperseded) {
          node.superseded.pop_front();
        }
      }
      node.instance = hello.instance();
      node.acknowledged = 0;
      node.has_first_batch = false;
      node.redefinition_asked_ns.reset();
      node.flows.Clear(now_ns);
      node.last_datagram_ns.reset();
      node.kernel_clock.reset();
      sink_.BeginInstance(node.id);
    }
    node.version = hello.version();
    node.last_seen_ns = realtime_clock_.NowNs();
    node.last_active_ns = now_ns;
    node.has_refused_definition = false;
    node.end_stream = std::move(end_stream);
    node.stream = next_stream_++;
    attachment.stream = node.stream;
    attachment.acknowledged_batch_number = node.acknowledged;
  }
  if (end_older != nullptr) {
    end_older(why);
  }
  return attachment;
}

void NodeTable::Detach(const Attachment& attachment) {
  if (attachment.node == nullptr) {
    return;
  }
  Node& node = *attachment.node;
  const std::scoped_lock lock(node.mutex);
  if (node.stream == attachment.stream) {
    node.stream = 0;
    node.end_stream = nullptr;
    node.last_seen_ns = realtime_clock_.NowNs();
    node.last_active_ns = monotonic_clock_.NowNs();
  }
}

void NodeTable::Sweep(int64_t monotonic_ns) {
  int64_t last_ns = last_sweep_ns_.load(std::memory_order_relaxed);
  if (monotonic_ns - last_ns < kSweepSpacingNs ||
      !last_sweep_ns_.compare_exchange_strong(last_ns, monotonic_ns)) {
    return;
  }
  for (const std::shared_ptr<Node>& node : AllNodes()) {
    const std::scoped_lock lock(node->mutex);
    if (node->stream == 0 && monotonic_ns - node->last_active_ns > kDisconnectedFlowsNs) {
      node->flows.Clear(monotonic_ns);
    } else {
      node->flows.ForgetIdle(monotonic_ns);
    }
  }
}

void NodeTable::TakeDefinitions(const v1::EventBatch& batch, int64_t monotonic_ns, Node* node) {
  for (const v1::InterfaceDefinition& definition : batch.interfaces()) {
    if (!node->flows.Define(definition).ok()) {
      node->has_refused_definition = true;
      CountError(IngestError::kInvalidDefinition);
    }
  }
  for (const v1::FlowDefinition& definition : batch.flows()) {
    const absl::Status status =
        node->flows.Define(definition, realtime_clock_.NowNs(), monotonic_ns);
    if (!status.ok()) {
      node->has_refused_definition = true;
      CountError(absl::IsResourceExhausted(status) ? IngestError::kFlowLimitDefinition
                                                   : IngestError::kInvalidDefinition);
    }
  }
}

bool NodeTable::AskForDefinitions(const v1::EventBatch& batch, int64_t monotonic_ns, Node* node) {
  const auto& flow_ids = batch.columns().flow_ids();
  if (node->has_refused_definition || node->end_stream == nullptr ||
      (node->redefinition_asked_ns.has_value() &&
       monotonic_ns - *node->redefinition_asked_ns < kRedefinitionSpacingNs) ||
      std::all_of(flow_ids.begin(), flow_ids.end(),
                  [&](uint64_t flow_id) { return node->flows.Find(flow_id) != nullptr; })) {
    return false;
  }
  node->redefinition_asked_ns = monotonic_ns;
  return true;
}

void NodeTable::TakeDrops(const v1::EventBatch& batch, Node* node) {
  for (const v1::DropCount& drop : batch.drops()) {
    if (drop.cause().empty() || !IsPlainText(drop.cause(), kMaxText) ||
        drop.count() > kMaxDropCount) {
      CountError(IngestError::kInvalidDropCount);
    } else {
      node->Drop(drop.cause(), drop.count());
    }
  }
}

void NodeTable::TakeEvents(const v1::EventColumns& columns, int64_t monotonic_ns, Node* node) {
  // An event has a byte at least: what a batch says it holds beyond that is no loss.
  const uint64_t claimed = std::min<uint64_t>(columns.event_count(), columns.fields().size());
  if (!node->event_budget.Take(static_cast<double>(claimed), monotonic_ns)) {
    CountError(IngestError::kEventRate);
    node->Drop("event_rate", claimed);
    return;
  }
  node->batch_flows.clear();
  node->flow_is_rtp.clear();
  for (const uint64_t flow_id : columns.flow_ids()) {
    FlowTable::Flow* const flow = node->flows.Find(flow_id);
    if (flow == nullptr) {
      // Whether it is RTP decides how the columns are read, so that none of the batch can be.
      CountError(IngestError::kUnknownFlowBatch);
      node->Drop("unknown_flow", claimed);
      return;
    }
    flow->last_used_ns = monotonic_ns;
    node->batch_flows.push_back(flow);
    node->flow_is_rtp.push_back(flow->is_rtp);
  }
  node->wire_events.clear();
  if (!wire::Decode(columns, node->flow_is_rtp, &node->wire_events).ok()) {
    CountError(IngestError::kMalformedBatch);
    node->Drop("malformed_batch", claimed);
    return;
  }
  node->events += node->wire_events.size();
  node->node_events.clear();
  node->flow_events.assign(node->batch_flows.size(), 0);
  uint64_t without_room = 0;
  for (const wire::WireEvent& event : node->wire_events) {
    const FlowTable::Flow& flow = *node->batch_flows[event.flow_index];
    if (!event.is_signed) {
      continue;
    }
    if (!flow.id.has_value()) {
      ++without_room;
      continue;
    }
    ++node->flow_events[event.flow_index];
    node->node_events.push_back({.signature = event.signature,
                                 .node_time_ns = event.time_ns,
                                 .flow = *flow.id,
                                 .position = event.position});
  }
  node->Drop("correlator_flow_limit", without_room);
  for (size_t i = 0; i < node->flow_events.size(); ++i) {
    if (node->flow_events[i] > 0 && node->batch_flows[i]->is_at_source) {
      const Endpoint& source = flows_.EndpointOf(flows_.Record(*node->batch_flows[i]->id).source);
      std::string pod = source.pod.empty() ? source.address.ToString() : source.pod;
      if (node->signatures.size() >= kMaxPods && !node->signatures.contains(pod)) {
        pod = "other";
      }
      node->signatures[pod] += node->flow_events[i];
    }
  }
  sink_.Take(node->id, node->node_events);
}

uint64_t NodeTable::TakeBatch(const Attachment& attachment, const v1::EventBatch& batch) {
  const int64_t now_ns = monotonic_clock_.NowNs();
  Sweep(now_ns);
  Node& node = *attachment.node;
  std::unique_lock lock(node.mutex);
  if (node.stream != attachment.stream) {
    return 0;
  }
  node.last_seen_ns = realtime_clock_.NowNs();
  node.last_active_ns = now_ns;
  // A resent batch may define what later ones refer to.
  TakeDefinitions(batch, now_ns, &node);
  if (batch.batch_number() <= node.acknowledged) {
    CountError(IngestError::kDuplicateBatch);
    return node.acknowledged;
  }
  if (node.has_first_batch && batch.batch_number() - node.acknowledged > kMaxMissingBatches) {
    CountError(IngestError::kBatchNumberJump);
    return node.acknowledged;
  }
  if (AskForDefinitions(batch, now_ns, &node)) {
    CountError(IngestError::kUnknownFlowBatch);
    const EndStream end_stream = std::exchange(node.end_stream, nullptr);
    const uint64_t acknowledged = node.acknowledged;
    // What comes on the stream until it has ended comes again on the next.
    node.stream = 0;
    lock.unlock();
    end_stream(absl::AbortedError(fmt::format(
        "batch {} of node {} names a flow that is not defined here; connect again and define it",
        batch.batch_number(), node.name)));
    return acknowledged;
  }
  const uint64_t missing = node.has_first_batch ? batch.batch_number() - node.acknowledged - 1 : 0;
  node.has_first_batch = true;
  if (missing > 0) {
    // The probe ran out of room for them; it counts their events among its drops.
    CountError(IngestError::kMissingBatch, missing);
  }
  node.acknowledged = batch.batch_number();
  TakeDrops(batch, &node);
  TakeEvents(batch.columns(), now_ns, &node);
  for (const uint64_t flow_id : batch.ended_flow_ids()) {
    node.flows.End(flow_id, now_ns);
  }
  return node.acknowledged;
}

void NodeTable::TakeClockSample(const Attachment& attachment, const v1::ClockSample& sample,
                                ClockSource source) {
  Node& node = *attachment.node;
  const std::scoped_lock lock(node.mutex);
  if (node.stream != attachment.stream) {
    return;
  }
  node.last_seen_ns = realtime_clock_.NowNs();
  if (!sink_.AddExchange(node.id, {.probe_send_ns = sample.probe_send_time_ns(),
                                   .correlator_receive_ns = sample.correlator_receive_time_ns(),
                                   .correlator_send_ns = sample.correlator_send_time_ns(),
                                   .probe_receive_ns = sample.probe_receive_time_ns()})) {
    CountError(IngestError::kInvalidClockExchange);
    return;
  }
  if (source == ClockSource::kDatagrams) {
    node.last_datagram_ns = monotonic_clock_.NowNs();
  }
}

void NodeTable::TakeClockReport(const Attachment& attachment, const v1::ClockReport& report) {
  if (report.datagram_samples_size() > kMaxSamplesPerReport) {
    CountError(IngestError::kInvalidClockExchange, report.datagram_samples_size());
    return;
  }
  for (const v1::ClockSample& sample : report.datagram_samples()) {
    TakeClockSample(attachment, sample, ClockSource::kDatagrams);
  }
  if (report.has_kernel_clock()) {
    Node& node = *attachment.node;
    const std::scoped_lock lock(node.mutex);
    if (node.stream == attachment.stream) {
      node.kernel_clock = KernelClockOf(report.kernel_clock());
    }
  }
}

NodeSnapshot NodeTable::Snapshot(const Node& node_const) const {
  const Node& node = node_const;
  const ClockStatus clock = sink_.StatusOf(node.id);
  NodeSnapshot snapshot;
  snapshot.node = node.name;
  snapshot.instance = node.instance;
  snapshot.version = node.version;
  snapshot.connected = node.stream != 0;
  snapshot.last_seen_unix_ns = node.last_seen_ns;
  snapshot.clock_state = clock.state;
  snapshot.clock_offset_seconds = static_cast<double>(clock.offset_ns) * 1e-9;
  snapshot.clock_error_bound_seconds = static_cast<double>(clock.error_bound_ns) * 1e-9;
  snapshot.clock_source = node.last_datagram_ns.has_value() &&
                                  monotonic_clock_.NowNs() - *node.last_datagram_ns < kDatagramsNs
                              ? ClockSource::kDatagrams
                              : ClockSource::kStream;
  snapshot.kernel_clock = node.kernel_clock;
  snapshot.clock_drift_ppm = clock.drift * 1e6;
  snapshot.clock_waiting_events = static_cast<double>(clock.waiting_events);
  snapshot.events = static_cast<double>(node.events);
  snapshot.flows = static_cast<double>(node.flows.size());
  std::map<std::string, uint64_t> drops = node.drops;
  if (clock.unsynchronised_events > 0) {
    drops[kClockUnsynchronised] += clock.unsynchronised_events;
  }
  if (clock.out_of_range_events > 0) {
    drops["time_out_of_range"] += clock.out_of_range_events;
  }
  double lost = 0;
  for (const auto& [cause, count] : drops) {
    const bool is_lost = !IsHarmless(cause);
    snapshot.drops.push_back(
        {.cause = cause, .count = static_cast<double>(count), .lost = is_lost});
    lost += is_lost ? static_cast<double>(count) : 0;
  }
  snapshot.lost_share = lost == 0 ? 0 : lost / (snapshot.events + lost);
  return snapshot;
}

std::vector<NodeSnapshot> NodeTable::Nodes() const {
  std::vector<NodeSnapshot> snapshots;
  for (const std::shared_ptr<Node>& node : AllNodes()) {
    const std::scoped_lock lock(node->mutex);
    snapshots.push_back(Snapshot(*node));
  }
  return snapshots;
}

std::vector<PodSignatures> NodeTable::Signatures() const {
  std::map<std::string, double> sums;
  for (const std::shared_ptr<Node>& node : AllNodes()) {
    const std::scoped_lock lock(node->mutex);
    for (const auto& [pod, count] : node->signatures) {
      sums[pod] += static_cast<double>(count);
    }
  }
  std::vector<PodSignatures> signatures;
  signatures.reserve(sums.size());
  for (const auto& [pod, count] : sums) {
    signatures.push_back({.pod = pod, .count = count});
  }
  return signatures;
}

double NodeTable::LostShare(const std::vector<std::string>& nodes) const {
  double kept = 1;
  for (const NodeSnapshot& snapshot : Nodes()) {
    if (std::find(nodes.begin(), nodes.end(), snapshot.node) != nodes.end()) {
      kept *= 1 - snapshot.lost_share;
    }
  }
  return 1 - kept;
}

std::vector<std::pair<std::string, double>> NodeTable::Errors() const {
  std::vector<std::pair<std::string, double>> errors;
  for (size_t i = 0; i < errors_.size(); ++i) {
    errors.emplace_back(kErrorNames[i],
                        static_cast<double>(errors_[i].load(std::memory_order_relaxed)));
  }
  return errors;
}

}  // namespace audio_latency::correlator
