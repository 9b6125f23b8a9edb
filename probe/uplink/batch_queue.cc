#include "probe/uplink/batch_queue.h"

#include <algorithm>
#include <utility>

namespace audio_latency::probe {
namespace {

// What a batch takes beside its encoded bytes, about: the object and its shares of flow records.
constexpr size_t kBatchOverheadBytes = 512;
constexpr size_t kFlowOverheadBytes = 64;
// Ends of flows that are remembered while batches are dropped. The correlator forgets silent flows
// by itself, so that one which is not told of costs it memory for a while, and nothing else.
constexpr size_t kMaxCarriedEndedFlows = 65536;

void Append(std::vector<uint64_t> from, std::vector<uint64_t>* to) {
  to->insert(to->end(), from.begin(), from.end());
}

uint64_t EventsOf(const OutgoingBatch& batch) { return batch.message.columns().event_count(); }

}  // namespace

void BatchQueue::Push(SealedBatch batch) {
  auto outgoing = std::make_shared<OutgoingBatch>();
  outgoing->message.mutable_columns()->Swap(&batch.columns);
  outgoing->message.set_sampling_threshold(batch.sampling_threshold);
  outgoing->flows = std::move(batch.flows);
  outgoing->ended_flow_ids = std::move(batch.ended_flow_ids);
  outgoing->bytes = outgoing->message.ByteSizeLong() + kBatchOverheadBytes +
                    outgoing->flows.size() * kFlowOverheadBytes +
                    outgoing->ended_flow_ids.size() * sizeof(uint64_t);
  const std::lock_guard lock(mutex_);
  Append(std::exchange(carried_ended_flow_ids_, {}), &outgoing->ended_flow_ids);
  for (const auto& [cause, count] : batch.drops) {
    pending_drops_[cause] += count;
    statistics_.drops[cause] += count;
  }
  unread_events_ = batch.unread_events;
  statistics_.events_sealed += EventsOf(*outgoing);
  waiting_events_ += EventsOf(*outgoing);
  waiting_bytes_ += outgoing->bytes;
  waiting_.push_back(std::move(outgoing));
  ++statistics_.batches_sealed;
  while (waiting_bytes_ > limits_.waiting_bytes && waiting_.size() > 1) {
    DropOldestWaitingLocked();
  }
  changed_.notify_all();
}

void BatchQueue::DropOldestWaitingLocked() {
  const Batch oldest = std::move(waiting_.front());
  waiting_.pop_front();
  waiting_bytes_ -= oldest->bytes;
  ++statistics_.batches_dropped;
  const uint64_t events = EventsOf(*oldest);
  waiting_events_ -= events;
  if (events > 0) {
    // Whose fault it is that they waited for so long.
    const char* const cause =
        is_streaming_ && !HasCreditLocked() ? kCauseCorrelatorOverloaded : kCauseProbeBufferFull;
    pending_drops_[cause] += events;
    statistics_.drops[cause] += events;
  }
  Append(oldest->ended_flow_ids, &carried_ended_flow_ids_);
  if (carried_ended_flow_ids_.size() > kMaxCarriedEndedFlows) {
    carried_ended_flow_ids_.erase(carried_ended_flow_ids_.begin(),
                                  carried_ended_flow_ids_.end() - kMaxCarriedEndedFlows);
  }
}

void BatchQueue::BeginStream(uint64_t acknowledged_number) {
  const std::lock_guard lock(mutex_);
  AcknowledgeLocked(acknowledged_number);
  sent_on_stream_ = 0;
  credit_ = 0;
  is_streaming_ = true;
  changed_.notify_all();
}

void BatchQueue::EndStream() {
  const std::lock_guard lock(mutex_);
  is_streaming_ = false;
}

bool BatchQueue::HasBatchToSendLocked() const {
  if (sent_on_stream_ < in_flight_.size()) {
    return true;
  }
  const bool has_something = !waiting_.empty() || !pending_ended_flow_ids_.empty();
  return has_something && (in_flight_.empty() || in_flight_bytes_ < limits_.in_flight_bytes);
}

BatchQueue::Batch BatchQueue::NumberNextLocked() {
  Batch batch;
  if (waiting_.empty()) {
    // Nothing but news of flows that ended.
    batch = std::make_shared<OutgoingBatch>();
    batch->bytes = kBatchOverheadBytes;
  } else {
    batch = std::move(waiting_.front());
    waiting_.pop_front();
    waiting_bytes_ -= batch->bytes;
    waiting_events_ -= EventsOf(*batch);
  }
  batch->message.set_batch_number(++last_number_);
  for (const uint64_t flow_id : std::exchange(pending_ended_flow_ids_, {})) {
    batch->message.add_ended_flow_ids(flow_id);
  }
  for (const auto& [cause, count] : std::exchange(pending_drops_, {})) {
    v1::DropCount* const drop = batch->message.add_drops();
    drop->set_cause(cause);
    drop->set_count(count);
  }
  batch->message.set_pending_events(waiting_events_ + unread_events_);
  return batch;
}

std::shared_ptr<const OutgoingBatch> BatchQueue::Next() {
  const std::lock_guard lock(mutex_);
  if (!CanSendLocked()) {
    return nullptr;
  }
  if (sent_on_stream_ == in_flight_.size()) {
    in_flight_.push_back(NumberNextLocked());
    in_flight_bytes_ += in_flight_.back()->bytes;
  }
  const Batch& batch = in_flight_[sent_on_stream_++];
  ++(batch->was_sent ? statistics_.batches_resent : statistics_.batches_sent);
  batch->was_sent = true;
  statistics_.bytes_sent += batch->message.ByteSizeLong();
  statistics_.credit_used_up += HasCreditLocked() ? 0 : 1;
  return batch;
}

void BatchQueue::Acknowledge(uint64_t number, uint32_t credit) {
  const std::lock_guard lock(mutex_);
  AcknowledgeLocked(number);
  credit_ = credit;
  changed_.notify_all();
}

void BatchQueue::AcknowledgeLocked(uint64_t number) {
  while (!in_flight_.empty() && in_flight_.front()->message.batch_number() <= number) {
    const Batch batch = std::move(in_flight_.front());
    in_flight_.pop_front();
    in_flight_bytes_ -= batch->bytes;
    sent_on_stream_ -= std::min<size_t>(sent_on_stream_, 1);
    ++statistics_.batches_acknowledged;
    statistics_.events_acknowledged += EventsOf(*batch);
    Append(batch->ended_flow_ids, &pending_ended_flow_ids_);
  }
}

void BatchQueue::WaitUntil(std::chrono::steady_clock::time_point deadline) {
  std::unique_lock lock(mutex_);
  changed_.wait_until(lock, deadline, [&] { return wake_ || CanSendLocked(); });
  wake_ = false;
}

void BatchQueue::Wake() {
  const std::lock_guard lock(mutex_);
  wake_ = true;
  changed_.notify_all();
}

bool BatchQueue::WaitUntilEmpty(std::chrono::steady_clock::time_point deadline) {
  std::unique_lock lock(mutex_);
  return changed_.wait_until(lock, deadline,
                             [&] { return waiting_.empty() && in_flight_.empty(); });
}

uint64_t BatchQueue::UnsentEvents() const {
  const std::lock_guard lock(mutex_);
  uint64_t events = waiting_events_ + unread_events_;
  for (size_t i = sent_on_stream_; i < in_flight_.size(); ++i) {
    events += EventsOf(*in_flight_[i]);
  }
  return events;
}

BatchQueueStatistics BatchQueue::statistics() const {
  const std::lock_guard lock(mutex_);
  BatchQueueStatistics statistics = statistics_;
  statistics.buffered_batches = waiting_.size() + in_flight_.size();
  statistics.buffered_bytes = waiting_bytes_ + in_flight_bytes_;
  statistics.buffered_events = waiting_events_;
  for (const Batch& batch : in_flight_) {
    statistics.buffered_events += EventsOf(*batch);
  }
  statistics.most_buffered_bytes = limits_.waiting_bytes + limits_.in_flight_bytes;
  statistics.credit_batches =
      is_streaming_ ? std::max<size_t>(credit_, sent_on_stream_) - sent_on_stream_ : 0;
  return statistics;
}

}  // namespace audio_latency::probe
