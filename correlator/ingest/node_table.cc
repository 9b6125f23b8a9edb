#include "correlator/ingest/node_table.h"

#include <algorithm>
#include <mutex>
#include <utility>

#include "common/loss/causes.h"
#include "common/names/node_name.h"
#include "common/status/status_macros.h"
#include "correlator/ingest/node_state.h"
#include "fmt/format.h"

namespace audio_latency::correlator {
namespace {

constexpr size_t kMaxText = 64;  // of an instance, a version
// Of a node's older probes: with fewer than there are, each that is forgotten would count as new.
constexpr size_t kMaxSuperseded = 1024;
// Nodes are shown for a while after they went; per probe that may be connected.
constexpr size_t kRememberedPerProbe = 4;
constexpr int64_t kSweepSpacingNs = 10'000'000'000;
// How long a lost probe's flows, and what it had not sent, wait for it to come back.
constexpr int64_t kDisconnectedNs = 60'000'000'000;

}  // namespace

NodeTable::NodeTable(FlowRegistry* flows, NodeEventSink* sink, const Clock* realtime_clock,
                     const Clock* monotonic_clock, const IngestLimits& limits)
    : flows_(*flows),
      sink_(*sink),
      realtime_clock_(*realtime_clock),
      monotonic_clock_(*monotonic_clock),
      limits_(limits) {}

NodeTable::~NodeTable() = default;

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
    ++forgotten_nodes_;
  }
  ASSIGN_OR_RETURN(const NodeId id, flows_.InternNode(name));
  auto node = std::make_shared<Node>(name, id, &flows_, limits_);
  nodes_.emplace(name, node);
  return node;
}

absl::StatusOr<NodeTable::Attachment> NodeTable::Attach(const v1::Hello& hello,
                                                        EndStream end_stream,
                                                        TellFlowControl tell) {
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
      node.GiveUpPending();
      node.given_up_events = 0;
      node.acknowledged = 0;
      node.has_first_batch = false;
      node.redefinition_asked_ns.reset();
      node.flows.Clear(now_ns);
      node.last_datagram_ns.reset();
      node.kernel_clock.reset();
      sink_.BeginInstance(node.id);
    }
    node.TakeBackGivenUp();
    node.made_events.reset();
    node.version = hello.version();
    node.last_seen_ns = realtime_clock_.NowNs();
    node.last_active_ns = now_ns;
    node.has_refused_definition = false;
    node.is_over_flow_limit = false;
    node.end_stream = std::move(end_stream);
    node.tell = std::move(tell);
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
    node.tell = nullptr;
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
    if (node->stream == 0 && monotonic_ns - node->last_active_ns > kDisconnectedNs) {
      node->flows.Clear(monotonic_ns);
      node->GiveUpPending();
    } else {
      node->flows.ForgetIdle(monotonic_ns);
    }
  }
}

void NodeTable::Sweep() { Sweep(monotonic_clock_.NowNs()); }

IngestLoad NodeTable::Load() const {
  IngestLoad load{.events_taken = events_taken_.load(std::memory_order_relaxed),
                  .events_made = events_made_.load(std::memory_order_relaxed),
                  .batches_taken = batches_taken_.load(std::memory_order_relaxed)};
  for (const std::shared_ptr<Node>& node : AllNodes()) {
    const std::scoped_lock lock(node->mutex);
    if (node->stream != 0) {
      ++load.probes;
      load.pending_events += node->pending_events;
    }
  }
  return load;
}

void NodeTable::SetFlowControl(uint32_t sampling_threshold, uint32_t credit_batches) {
  sampling_threshold_ = sampling_threshold;
  credit_batches_ = credit_batches;
  for (const std::shared_ptr<Node>& node : AllNodes()) {
    TellFlowControl tell;
    uint64_t acknowledged = 0;
    {
      const std::scoped_lock lock(node->mutex);
      tell = node->tell;
      acknowledged = node->acknowledged;
    }
    if (tell != nullptr) {
      tell(FlowControlAt(acknowledged));
    }
  }
}

void NodeTable::EndStreams(const absl::Status& why) {
  for (const std::shared_ptr<Node>& node : AllNodes()) {
    EndStream end_stream;
    {
      const std::scoped_lock lock(node->mutex);
      end_stream = std::exchange(node->end_stream, nullptr);
      // What comes on the stream until it has ended comes again on the next.
      node->stream = 0;
      node->tell = nullptr;
    }
    if (end_stream != nullptr) {
      end_stream(why);
    }
  }
}

TableUse NodeTable::Use() const {
  const std::scoped_lock lock(mutex_);
  return {.table = "nodes",
          .used = static_cast<double>(nodes_.size()),
          .limit = static_cast<double>(kRememberedPerProbe) * limits_.max_probes,
          .evictions = static_cast<double>(forgotten_nodes_)};
}

FlowControl NodeTable::FlowControlAt(uint64_t acknowledged_batch_number) const {
  return {.acknowledged_batch_number = acknowledged_batch_number,
          .credit_batches = credit_batches_,
          .sampling_threshold = sampling_threshold_};
}

}  // namespace audio_latency::correlator
