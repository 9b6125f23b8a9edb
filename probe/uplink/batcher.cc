#include "probe/uplink/batcher.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "common/loss/causes.h"
#include "common/status/status_macros.h"

namespace audio_latency::probe {
namespace {

// Events between asking for a flow's memory and using it.
constexpr size_t kPrefetchDistance = 8;
constexpr int64_t kExpiryIntervalNs = 1'000'000'000;

}  // namespace

Batcher::Batcher(const Options& options, const Parts& parts)
    : options_(options),
      parts_(parts),
      flow_table_(options.max_flows, options.flow_timeout_ns, *parts.directory, parts.containers),
      sealed_at_ns_(parts.clock->NowNs()),
      expired_at_ns_(sealed_at_ns_),
      sampling_threshold_(parts.counters->SamplingThreshold()) {}

void Batcher::OnEvents(std::span<const signature_event> events) {
  for (const signature_event& event : events.first(std::min(events.size(), kPrefetchDistance))) {
    flow_table_.Prefetch(event);
  }
  for (size_t i = 0; i < events.size(); ++i) {
    if (i + kPrefetchDistance < events.size()) {
      flow_table_.Prefetch(events[i + kPrefetchDistance]);
    }
    Add(events[i]);
    ++events_read_;
    if (events_.size() >= options_.max_events) {
      Seal(parts_.clock->NowNs());
    }
  }
}

void Batcher::OnTick() {
  const int64_t now_ns = parts_.clock->NowNs();
  if (now_ns - expired_at_ns_ >= kExpiryIntervalNs) {
    expired_at_ns_ = now_ns;
    for (const uint64_t flow_id : flow_table_.Expire(now_ns)) {
      ended_flow_ids_.push_back(flow_id);
    }
    flow_count_.store(flow_table_.size(), std::memory_order_relaxed);
    flows_expired_.store(flow_table_.expired_total(), std::memory_order_relaxed);
  }
  if (now_ns - sealed_at_ns_ >= options_.interval_ns) {
    Seal(now_ns);
  }
}

void Batcher::Flush() { Seal(parts_.clock->NowNs()); }

Batcher::Statistics Batcher::statistics() const {
  return {flow_count_.load(std::memory_order_relaxed),
          flows_expired_.load(std::memory_order_relaxed)};
}

void Batcher::Add(const signature_event& event) {
  FlowTable::Entry* const flow = flow_table_.Find(event);
  if (flow == nullptr) {
    ++flow_limit_drops_;
    return;
  }
  if (flow->batch_sequence != batch_sequence_) {
    flow->batch_sequence = batch_sequence_;
    flow->batch_index = static_cast<uint32_t>(flows_.size());
    flows_.push_back(flow->record);
    flow_ids_.push_back(flow->record->id());
    flow_is_rtp_.push_back(IsRtp(event) ? 1 : 0);
  }
  wire::WireEvent& out = events_.emplace_back();
  out.time_ns = static_cast<int64_t>(event.time_ns);
  out.flow_index = flow->batch_index;
  out.position = event.position;
  if ((event.flags & CAPTURE_EVENT_SIGNED) != 0) {
    out.is_signed = true;
    out.signature = event.signature;
  }
  out.is_rtp_content = event.kind == CAPTURE_SIGNATURE_RTP_CONTENT;
  if (event.kind == CAPTURE_SIGNATURE_RTP_PAYLOAD) {
    out.rtp_timestamp = event.rtp_timestamp;
    out.payload_bytes = event.payload_bytes;
    out.rtp_payload_type = event.rtp_payload_type;
    out.level = event.level;
    out.rtp_marker = (event.flags & CAPTURE_EVENT_RTP_MARKER) != 0;
  }
}

void Batcher::CountKernelLosses() {
  const CaptureCounters counters = parts_.counters->Read();
  for (size_t cause = 0; cause < counters.size(); ++cause) {
    if (kCaptureCauses[cause].lost && counters[cause] > last_counters_[cause]) {
      drops_[std::string(kCaptureCauses[cause].name)] += counters[cause] - last_counters_[cause];
    }
  }
  last_counters_ = counters;
}

void Batcher::Seal(int64_t now_ns) {
  sealed_at_ns_ = now_ns;
  CountKernelLosses();
  if (flow_limit_drops_ > 0) {
    drops_[kCauseFlowLimit] += std::exchange(flow_limit_drops_, 0);
  }
  // CPUs fill the ring side by side, so neighbours can be swapped.
  const auto earlier = [](const wire::WireEvent& a, const wire::WireEvent& b) {
    return a.time_ns < b.time_ns;
  };
  if (!std::is_sorted(events_.begin(), events_.end(), earlier)) {
    std::stable_sort(events_.begin(), events_.end(), earlier);
  }
  SealedBatch batch;
  if (!events_.empty()) {
    const absl::Status encoded = wire::Encode(events_, flow_ids_, flow_is_rtp_, &batch.columns);
    if (encoded.ok()) {
      batch.flows = flows_;
    } else {
      batch.columns.Clear();
      drops_[kCauseProbeEncoding] += events_.size();
      parts_.logger->Error("batch_encoding_error", Message(encoded));
    }
  }
  events_.clear();
  flows_.clear();
  flow_ids_.clear();
  flow_is_rtp_.clear();
  ++batch_sequence_;
  batch.ended_flow_ids = std::exchange(ended_flow_ids_, {});
  batch.drops = std::exchange(drops_, {});
  // It may have changed within the batch.
  const uint32_t threshold_before =
      std::exchange(sampling_threshold_, parts_.counters->SamplingThreshold());
  if (batch.columns.event_count() > 0) {
    batch.sampling_threshold = std::min(threshold_before, sampling_threshold_);
  }
  const uint64_t made_events = last_counters_[CAPTURE_COUNTER_EVENTS];
  batch.unread_events = made_events - std::min(made_events, events_read_);
  const bool has_news =
      batch.columns.event_count() > 0 || !batch.ended_flow_ids.empty() || !batch.drops.empty();
  if (has_news) {
    parts_.queue->Push(std::move(batch));
  }
}

}  // namespace audio_latency::probe
