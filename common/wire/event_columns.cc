#include "common/wire/event_columns.h"

#include <fmt/format.h>

#include <limits>
#include <string>

#include "common/wire/varint.h"

namespace audio_latency::wire {
namespace {

constexpr uint64_t kContinuation = 1;
constexpr uint64_t kFollowed = 1 << 1;
constexpr uint64_t kSigned = 1 << 2;
constexpr uint64_t kMarker = 1 << 3;
constexpr uint64_t kPredicted = 1 << 4;
constexpr uint64_t kRtpContent = 1 << 5;
constexpr int kFlowIndexShift = 6;
static_assert(kMaxEventsPerBatch - 1 <= std::numeric_limits<uint16_t>::max(),
              "FlowState::next_flow holds any flow's index");

constexpr int64_t kTimeLimitUnits = kTimeLimitNs / kTimeUnitNs;

int64_t ToUnits(int64_t time_ns) { return (time_ns + kTimeUnitNs / 2) / kTimeUnitNs; }

uint32_t NextSequence(uint32_t position) { return (position + 1) & 0xffff; }

uint64_t ZigzagDifference(uint32_t now, uint32_t before) {
  return Zigzag(static_cast<int32_t>(now - before));
}

bool IsPredicted(const WireEvent& event, const FlowState& flow) {
  return event.position == NextSequence(flow.position) &&
         event.rtp_timestamp == flow.rtp_timestamp + flow.rtp_timestamp_step &&
         event.rtp_payload_type == flow.rtp_payload_type &&
         event.payload_bytes == flow.payload_bytes;
}

void Remember(const WireEvent& event, FlowState* flow) {
  flow->position = event.position;
  // In a flow's first packet there is nothing to subtract from: with one byte a sample, as in
  // G.711, the timestamp advances by the payload's length.
  flow->rtp_timestamp_step =
      flow->seen ? event.rtp_timestamp - flow->rtp_timestamp : event.payload_bytes;
  flow->seen = true;
  flow->rtp_timestamp = event.rtp_timestamp;
  flow->payload_bytes = event.payload_bytes;
  flow->rtp_payload_type = event.rtp_payload_type;
}

// A window of an RTP stream has the position of the packet that completed it: the prediction of the
// next packet goes by packets alone.
void RememberWindow(const WireEvent& event, bool is_rtp, FlowState* flow) {
  if (!is_rtp) {
    flow->position = event.position;
  }
}

absl::Status CheckTables(size_t events, size_t flows, size_t flow_kinds) {
  if (events > kMaxEventsPerBatch || flows > kMaxEventsPerBatch) {
    return absl::InvalidArgumentError(
        fmt::format("a batch of {} events in {} flows: at most {} of each are allowed", events,
                    flows, kMaxEventsPerBatch));
  }
  if (flows != flow_kinds) {
    return absl::InvalidArgumentError(
        fmt::format("the flow table has {} flows, but the kind of {} is told", flows, flow_kinds));
  }
  return absl::OkStatus();
}

absl::Status Malformed(uint32_t event, std::string_view what) {
  return absl::InvalidArgumentError(fmt::format("malformed batch: event {}: {}", event, what));
}

void AppendRtp(const WireEvent& event, bool predicted, FlowState* flow, std::string* out) {
  if (!predicted) {
    AppendVarint(ZigzagDifference(event.position, flow->position), out);
    AppendVarint(ZigzagDifference(event.rtp_timestamp, flow->rtp_timestamp), out);
    out->push_back(static_cast<char>(event.rtp_payload_type));
    AppendVarint(event.payload_bytes, out);
  }
  out->push_back(static_cast<char>(event.level));
  Remember(event, flow);
}

// The reader's failure is looked at by the caller, once an event.
void ReadRtp(bool predicted, FlowState* flow, ByteReader* reader, WireEvent* event) {
  if (predicted) {
    event->position = NextSequence(flow->position);
    event->rtp_timestamp = flow->rtp_timestamp + flow->rtp_timestamp_step;
    event->rtp_payload_type = flow->rtp_payload_type;
    event->payload_bytes = flow->payload_bytes;
  } else {
    event->position = flow->position + static_cast<uint32_t>(Unzigzag(reader->Varint()));
    event->rtp_timestamp = flow->rtp_timestamp + static_cast<uint32_t>(Unzigzag(reader->Varint()));
    event->rtp_payload_type = reader->Byte();
    const uint64_t payload_bytes = reader->Varint();
    if (payload_bytes > std::numeric_limits<uint16_t>::max()) {
      reader->Fail();
    }
    event->payload_bytes = static_cast<uint16_t>(payload_bytes);
  }
  event->level = reader->Byte();
  Remember(*event, flow);
}

}  // namespace

absl::Status Encoder::Encode(std::span<const WireEvent> events, std::span<const uint64_t> flow_ids,
                             std::span<const uint8_t> flow_is_rtp, v1::EventColumns* columns) {
  columns->Clear();
  if (absl::Status status = CheckTables(events.size(), flow_ids.size(), flow_is_rtp.size());
      !status.ok()) {
    return status;
  }
  for (const WireEvent& event : events) {
    if (event.is_rtp_content &&
        (!event.is_signed || event.rtp_marker || event.flow_index >= flow_ids.size() ||
         flow_is_rtp[event.flow_index] == 0)) {
      return absl::InvalidArgumentError(fmt::format(
          "event at {} ns of flow {}: content of RTP is signed, without marker, of an RTP flow",
          event.time_ns, event.flow_index));
    }
    if (event.flow_index >= flow_ids.size() || event.time_ns < 0 ||
        ToUnits(event.time_ns) >= kTimeLimitUnits) {
      return absl::InvalidArgumentError(
          fmt::format("event at {} ns of flow {}: the batch has {} flows, times are from 0 to {}",
                      event.time_ns, event.flow_index, flow_ids.size(), kTimeLimitNs));
    }
  }
  if (events.empty()) {
    return absl::OkStatus();
  }
  flows_.assign(flow_ids.size(), FlowState());
  columns->mutable_flow_ids()->Add(flow_ids.begin(), flow_ids.end());
  columns->set_event_count(static_cast<uint32_t>(events.size()));
  columns->mutable_signatures()->Reserve(static_cast<int>(events.size()));
  std::string* out = columns->mutable_fields();
  out->reserve(events.size() * 4);

  int64_t units_before = ToUnits(events[0].time_ns);
  columns->set_base_time_ns(units_before * kTimeUnitNs);
  uint32_t flow_before = 0;
  for (const WireEvent& event : events) {
    const bool is_first = &event == events.data();
    FlowState& flow = flows_[event.flow_index];
    const int64_t units = ToUnits(event.time_ns);
    const bool is_rtp = flow_is_rtp[event.flow_index] != 0;
    if (event.is_signed) {
      columns->mutable_signatures()->AddAlreadyReserved(event.signature);
    }
    const bool is_window = !is_rtp || event.is_rtp_content;
    if (!is_first && is_window && event.is_signed && event.flow_index == flow_before &&
        units == units_before) {
      const uint32_t ahead = event.position - flow.position;
      AppendVarint(uint64_t{ahead} << 1 | kContinuation, out);
      RememberWindow(event, is_rtp, &flow);
      continue;
    }
    const bool predicted = !is_window && IsPredicted(event, flow);
    const bool followed = event.flow_index == flows_[flow_before].next_flow;
    const uint64_t which_flow =
        followed ? kFollowed : uint64_t{event.flow_index} << kFlowIndexShift;
    AppendVarint(which_flow | (event.is_signed ? kSigned : 0) |
                     (is_rtp && event.rtp_marker ? kMarker : 0) | (predicted ? kPredicted : 0) |
                     (event.is_rtp_content ? kRtpContent : 0),
                 out);
    flows_[flow_before].next_flow = static_cast<uint16_t>(event.flow_index);
    AppendVarint(Zigzag(units - units_before), out);
    if (is_window) {
      AppendVarint(ZigzagDifference(event.position, flow.position), out);
      RememberWindow(event, is_rtp, &flow);
    } else {
      AppendRtp(event, predicted, &flow, out);
    }
    units_before = units;
    flow_before = event.flow_index;
  }
  return absl::OkStatus();
}

absl::Status Decoder::Decode(const v1::EventColumns& columns, std::span<const uint8_t> flow_is_rtp,
                             std::vector<WireEvent>* events) {
  const uint32_t count = columns.event_count();
  const auto flow_count = static_cast<uint32_t>(columns.flow_ids_size());
  if (absl::Status status = CheckTables(count, flow_count, flow_is_rtp.size()); !status.ok()) {
    return status;
  }
  // Each event has a byte at least; this also bounds what a lying count makes us allocate.
  if (count > columns.fields().size() || (count > 0 && flow_count == 0)) {
    return absl::InvalidArgumentError(
        fmt::format("malformed batch: {} events of {} flows in {} bytes", count, flow_count,
                    columns.fields().size()));
  }
  if (columns.base_time_ns() < 0 || columns.base_time_ns() >= kTimeLimitNs) {
    return absl::InvalidArgumentError(
        fmt::format("malformed batch: base time {} ns", columns.base_time_ns()));
  }
  flows_.assign(flow_count, FlowState());
  const size_t size_before = events->size();
  events->resize(size_before + count);
  WireEvent* const decoded = events->data() + size_before;

  const auto* bytes = reinterpret_cast<const uint8_t*>(columns.fields().data());
  ByteReader reader(bytes, bytes + columns.fields().size());
  const uint64_t* next_signature = columns.signatures().data();
  const uint64_t* const signatures_end = next_signature + columns.signatures_size();
  int64_t units = 0;
  uint32_t flow_index = 0;
  absl::Status status;
  for (uint32_t i = 0; i < count; ++i) {
    WireEvent& event = decoded[i];
    const uint64_t head = reader.Varint();
    if ((head & kContinuation) != 0) {
      const uint64_t ahead = head >> 1;
      if (i == 0 || ahead > std::numeric_limits<uint32_t>::max() ||
          next_signature == signatures_end) {
        status = Malformed(i, "it continues what is not there");
        break;
      }
      FlowState& flow = flows_[flow_index];
      event.position = flow.position + static_cast<uint32_t>(ahead);
      event.is_signed = true;
      event.signature = *next_signature++;
      event.is_rtp_content = flow_is_rtp[flow_index] != 0;
      RememberWindow(event, event.is_rtp_content, &flow);
    } else {
      // Index bits beside kFollowed are not allowed: one event has one encoding.
      const uint64_t index = (head & kFollowed) == 0        ? head >> kFlowIndexShift
                             : head >> kFlowIndexShift == 0 ? flows_[flow_index].next_flow
                                                            : flow_count;
      if (index >= flow_count) {
        status = Malformed(i, "its flow is not in the table");
        break;
      }
      flows_[flow_index].next_flow = static_cast<uint16_t>(index);
      flow_index = static_cast<uint32_t>(index);
      // Both are below 2^63 in magnitude, and the sum is bounded before it is used again.
      const int64_t step = Unzigzag(reader.Varint());
      if (step < -kTimeLimitUnits || step > kTimeLimitUnits || units + step < -kTimeLimitUnits ||
          units + step > kTimeLimitUnits) {
        status = Malformed(i, "its time is out of range");
        break;
      }
      units += step;
      if ((head & kSigned) != 0) {
        if (next_signature == signatures_end) {
          status = Malformed(i, "its signature is missing");
          break;
        }
        event.is_signed = true;
        event.signature = *next_signature++;
      }
      FlowState& flow = flows_[flow_index];
      const bool is_rtp = flow_is_rtp[flow_index] != 0;
      event.is_rtp_content = (head & kRtpContent) != 0;
      if (is_rtp && !event.is_rtp_content) {
        event.rtp_marker = (head & kMarker) != 0;
        ReadRtp((head & kPredicted) != 0, &flow, &reader, &event);
      } else if ((head & (kMarker | kPredicted)) != 0 || event.is_rtp_content != is_rtp ||
                 (is_rtp && !event.is_signed)) {
        reader.Fail();  // only RTP's packets have these
      } else {
        event.position = flow.position + static_cast<uint32_t>(Unzigzag(reader.Varint()));
        RememberWindow(event, is_rtp, &flow);
      }
    }
    event.flow_index = flow_index;
    event.time_ns = columns.base_time_ns() + units * kTimeUnitNs;
    if (reader.failed() || event.time_ns < 0 || event.time_ns >= kTimeLimitNs) {
      status = Malformed(i, reader.failed() ? "it is cut short or contradicts itself"
                                            : "its time is out of range");
      break;
    }
  }
  if (status.ok() && (!reader.at_end() || next_signature != signatures_end)) {
    status = Malformed(count, "there are bytes or signatures left over");
  }
  if (!status.ok()) {
    events->resize(size_before);
  }
  return status;
}

absl::Status Encode(std::span<const WireEvent> events, std::span<const uint64_t> flow_ids,
                    std::span<const uint8_t> flow_is_rtp, v1::EventColumns* columns) {
  return Encoder().Encode(events, flow_ids, flow_is_rtp, columns);
}

absl::Status Decode(const v1::EventColumns& columns, std::span<const uint8_t> flow_is_rtp,
                    std::vector<WireEvent>* events) {
  return Decoder().Decode(columns, flow_is_rtp, events);
}

}  // namespace audio_latency::wire
