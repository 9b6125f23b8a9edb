// What a probe sends, taken in: batches, clock exchanges.

#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>
#include <optional>
#include <utility>

#include "common/loss/causes.h"
#include "common/names/node_name.h"
#include "correlator/endpoints/endpoint_text.h"
#include "correlator/ingest/node_state.h"
#include "correlator/ingest/node_table.h"
#include "fmt/format.h"

namespace audio_latency::correlator {
namespace {

constexpr size_t kMaxCause = 64;
// More of one cause are not lost between two batches; sums of what is below stay exact as doubles.
constexpr uint64_t kMaxDropCount = uint64_t{1} << 40;
// Batches are numbered as they are sent: a probe's buffer does not hold more than these.
constexpr uint64_t kMaxMissingBatches = uint64_t{1} << 20;
// Two bytes are a definition, which costs far more to look at; a probe defines in one batch what
// its events need.
constexpr uint64_t kMaxDefinitionsPerBatch = 65'536;
// After these the rest is not looked at.
constexpr int kMaxRefusedDefinitions = 100;
constexpr size_t kMaxPods = 4096;
// A stream is not ended more often than this to have flows defined anew.
constexpr int64_t kRedefinitionSpacingNs = 10'000'000'000;
// A probe reports ten times a second, what it exchanged since.
constexpr int kMaxSamplesPerReport = 64;

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

void NodeTable::TakeDefinitions(const v1::EventBatch& batch, int64_t monotonic_ns, Node* node) {
  uint64_t left = static_cast<uint64_t>(batch.interfaces_size()) + batch.flows_size();
  if (left > kMaxDefinitionsPerBatch) {
    node->has_refused_definition = true;
    CountError(IngestError::kInvalidDefinition, left);
    return;
  }
  int refused = 0;
  // Whether to go on after a definition with this outcome.
  const auto take = [&](const absl::Status& status) {
    --left;
    if (status.ok()) {
      return true;
    }
    const IngestError error = absl::IsResourceExhausted(status) ? IngestError::kFlowLimitDefinition
                                                                : IngestError::kInvalidDefinition;
    node->has_refused_definition = true;
    node->is_over_flow_limit |= error == IngestError::kFlowLimitDefinition;
    CountError(error);
    if (++refused < kMaxRefusedDefinitions) {
      return true;
    }
    CountError(error, left);
    return false;
  };
  for (const v1::InterfaceDefinition& definition : batch.interfaces()) {
    const absl::Status status = node->flows.Define(definition);
    if (!take(status.ok() ? status : absl::InvalidArgumentError(""))) {
      return;
    }
  }
  for (const v1::FlowDefinition& definition : batch.flows()) {
    if (!take(node->flows.Define(definition, realtime_clock_.NowNs(), monotonic_ns))) {
      return;
    }
  }
}

bool NodeTable::NeedsDefinitions(const v1::EventBatch& batch, int64_t monotonic_ns, Node* node) {
  const auto& flow_ids = batch.columns().flow_ids();
  if (node->has_refused_definition || node->end_stream == nullptr ||
      static_cast<uint64_t>(flow_ids.size()) > wire::kMaxEventsPerBatch ||
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
    if (drop.cause().empty() || !IsPlainText(drop.cause(), kMaxCause) ||
        drop.count() > kMaxDropCount) {
      CountError(IngestError::kInvalidDropCount);
    } else {
      node->Drop(drop.cause(), drop.count());
    }
  }
  node->pending_events = std::min<uint64_t>(batch.pending_events(), kMaxDropCount);
  if (batch.sampling_threshold() != 0) {
    node->sampling_threshold = batch.sampling_threshold();
  }
}

void NodeTable::TakePending(uint64_t pending_events, Node* node) {
  node->pending_events = std::min(pending_events, kMaxDropCount);
  // What it made before the stream's first report came about when nobody could tell how fast.
  const uint64_t made = node->received_events + node->pending_events;
  if (node->made_events.has_value() && made > *node->made_events) {
    events_made_.fetch_add(made - *node->made_events, std::memory_order_relaxed);
  }
  node->made_events = made;
}

void NodeTable::CountSignatures(EndpointId source, uint64_t count, int64_t monotonic_ns,
                                Node* node) {
  std::string pod = PodText(flows_.EndpointOf(source));
  if (!node->signatures.contains(pod)) {
    absl::erase_if(node->signatures,
                   [&](const auto& entry) { return entry.second.IsOver(flows_, monotonic_ns); });
    if (node->signatures.size() >= kMaxPods) {
      pod = "other";
    }
  }
  Node::PodCount& counted = node->signatures[pod];
  counted.count += count;
  counted.newest_ns = monotonic_ns;
  counted.source = source;
}

void NodeTable::TakeEvents(const v1::EventColumns& columns, int64_t monotonic_ns, Node* node) {
  // An event has a byte at least: what a batch says it holds beyond that is no loss.
  const uint64_t claimed = std::min<uint64_t>(columns.event_count(), columns.fields().size());
  node->received_events += claimed;
  if (!node->event_budget.Take(static_cast<double>(claimed), monotonic_ns)) {
    CountError(IngestError::kEventRate);
    node->Drop(kCauseEventRate, claimed);
    return;
  }
  if (static_cast<uint64_t>(columns.flow_ids_size()) > wire::kMaxEventsPerBatch) {
    CountError(IngestError::kMalformedBatch);
    node->Drop(kCauseMalformedBatch, claimed);
    return;
  }
  node->batch_flows.clear();
  node->flow_is_rtp.clear();
  for (const uint64_t flow_id : columns.flow_ids()) {
    FlowTable::Flow* const flow = node->flows.Find(flow_id);
    if (flow == nullptr) {
      // Whether it is RTP decides how the columns are read, so that none of the batch can be.
      CountError(IngestError::kUnknownFlowBatch);
      node->Drop(node->is_over_flow_limit ? kCauseCorrelatorFlowLimit : kCauseUnknownFlow, claimed);
      return;
    }
    flow->last_used_ns = monotonic_ns;
    node->batch_flows.push_back(flow);
    node->flow_is_rtp.push_back(flow->is_rtp);
  }
  node->wire_events.clear();
  if (!wire::Decode(columns, node->flow_is_rtp, &node->wire_events).ok()) {
    CountError(IngestError::kMalformedBatch);
    node->Drop(kCauseMalformedBatch, claimed);
    return;
  }
  node->events += node->wire_events.size();
  events_taken_.fetch_add(node->wire_events.size(), std::memory_order_relaxed);
  node->node_events.clear();
  node->flow_events.assign(node->batch_flows.size(), 0);
  uint64_t without_room = 0;
  for (const wire::WireEvent& event : node->wire_events) {
    const FlowTable::Flow& flow = *node->batch_flows[event.flow_index];
    if (!event.is_signed) {
      continue;
    }
    ++node->signed_events;
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
  node->Drop(kCauseCorrelatorFlowLimit, without_room);
  for (size_t i = 0; i < node->flow_events.size(); ++i) {
    if (node->flow_events[i] > 0 && node->batch_flows[i]->is_at_source) {
      CountSignatures(flows_.Record(*node->batch_flows[i]->id).source, node->flow_events[i],
                      monotonic_ns, node);
    }
  }
  sink_.Take(node->id, node->node_events);
}

std::optional<uint64_t> NodeTable::TakeBatch(const Attachment& attachment,
                                             const v1::EventBatch& batch) {
  const int64_t now_ns = monotonic_clock_.NowNs();
  Sweep(now_ns);
  Node& node = *attachment.node;
  std::unique_lock lock(node.mutex);
  if (node.stream != attachment.stream) {
    return std::nullopt;
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
  if (NeedsDefinitions(batch, now_ns, &node)) {
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
  batches_taken_.fetch_add(1, std::memory_order_relaxed);
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
  Node& node = *attachment.node;
  const std::scoped_lock lock(node.mutex);
  if (node.stream != attachment.stream) {
    return;
  }
  if (report.has_kernel_clock()) {
    node.kernel_clock = KernelClockOf(report.kernel_clock());
  }
  if (report.has_pending_events()) {
    TakePending(report.pending_events(), &node);
  }
}

}  // namespace audio_latency::correlator
