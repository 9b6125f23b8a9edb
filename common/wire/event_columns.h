// How signature events travel: columns, about 12 bytes an event, of which 8 are the signature.
//
// Each event names its flow by index into the batch's flow table. Of a TCP flow each event is a
// window of content, at its position in the stream. Of an RTP flow an event is a packet or, with
// rtp_content, a window of content, at the position of the packet that completed it. A position is
// told by its difference to the flow's base: of TCP the event before, of RTP the packet before.
//
// `fields` holds, for each event in turn, as LEB128 varints unless said otherwise, first a head.
// Its lowest bit tells which of two:
//
//   continuation: the flow and the time are those of the event before, it is signed, and it is a
//   window (several that one packet completed). Nothing follows.
//     head      (position - base) << 1 | 1
//
//   full:
//     head      flow_index << 6 | rtp_content << 5 | predicted << 4 | marker << 3 | signed << 2 |
//               followed << 1 | 0; followed: no index, the flow is the one that came after the flow
//               of the event before when that was seen last
//     time      zigzag of the difference to the event before (the first: to base_time_ns), in units
//               of kTimeUnitNs
//   then of a window:
//     position  zigzag of position - base
//   or of an RTP packet:
//     changes   unless predicted: zigzag of position - base, zigzag of rtp_timestamp - that of the
//               packet before, payload_type (1 byte), payload_bytes
//     level     1 byte
//
// "Predicted" means: sequence number + 1 modulo 2^16, timestamp advanced by as much as between the
// flow's two packets before (after its first: by its payload's length), payload type and length
// unchanged. Differences of positions and timestamps are modulo 2^32. All that is remembered
// of a flow starts from zero in each batch, so that a batch can be decoded alone, twice or out of
// order; before the first event stands flow 0.

#ifndef COMMON_WIRE_EVENT_COLUMNS_H_
#define COMMON_WIRE_EVENT_COLUMNS_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "audio_latency/v1/probe.pb.h"

namespace audio_latency::wire {

// Resolution of time on the wire. Half of it is part of every error bar.
inline constexpr int64_t kTimeUnitNs = 256;
// Larger batches, and larger flow tables, are refused.
inline constexpr uint32_t kMaxEventsPerBatch = 65536;
// Times are from 0 to below this (146 years), so that sums of two never overflow.
inline constexpr int64_t kTimeLimitNs = int64_t{1} << 62;

// One signature event, its flow known from elsewhere.
struct WireEvent {
  // 0 when `is_signed` is false.
  uint64_t signature = 0;
  // On the node's monotonic clock.
  int64_t time_ns = 0;
  // Index into the batch's flow table.
  uint32_t flow_index = 0;
  // TCP: sequence number of the window's first byte. RTP: sequence number of the packet.
  uint32_t position = 0;
  // The rest travels for RTP only; other events come out with what is set here.
  uint32_t rtp_timestamp = 0;
  uint16_t payload_bytes = 0;
  uint8_t rtp_payload_type = 0;
  // -dBov; 255 unknown.
  uint8_t level = 255;
  bool is_signed = false;
  bool rtp_marker = false;
  // A window of an RTP stream's content, not a packet: signed, and of RTP's fields it has none.
  bool is_rtp_content = false;

  friend bool operator==(const WireEvent&, const WireEvent&) = default;
};

// What has been seen of a flow in the batch so far.
struct FlowState {
  uint32_t position = 0;
  uint32_t rtp_timestamp = 0;
  uint32_t rtp_timestamp_step = 0;
  uint16_t payload_bytes = 0;
  // Whose event came after this flow's.
  uint16_t next_flow = 0;
  uint8_t rtp_payload_type = 0;
  bool seen = false;
};

// Encodes batches, one after the other; keeps its memory from one to the next. Not thread-safe.
class Encoder {
 public:
  // `flow_ids` is the batch's flow table and `flow_is_rtp` tells of each whether its events are RTP
  // (1) or not (0). `columns` is overwritten. Times are rounded to kTimeUnitNs. Events should be in
  // time order, those of one flow and time together (any order is encoded right).
  // INVALID_ARGUMENT when an index is outside the table, a time outside 0 … kTimeLimitNs, or there
  // are too many events or flows; `columns` is empty then.
  absl::Status Encode(std::span<const WireEvent> events, std::span<const uint64_t> flow_ids,
                      std::span<const uint8_t> flow_is_rtp, v1::EventColumns* columns);

 private:
  std::vector<FlowState> flows_;
};

// Decodes batches, one after the other; keeps its memory from one to the next. Not thread-safe.
class Decoder {
 public:
  // Appends to `events`. `flow_is_rtp` is by index in the flow table, as for Encode. Every
  // malformed input is refused with INVALID_ARGUMENT, and `events` is as before then.
  absl::Status Decode(const v1::EventColumns& columns, std::span<const uint8_t> flow_is_rtp,
                      std::vector<WireEvent>* events);

 private:
  std::vector<FlowState> flows_;
};

// The same with an Encoder or Decoder of their own.
absl::Status Encode(std::span<const WireEvent> events, std::span<const uint64_t> flow_ids,
                    std::span<const uint8_t> flow_is_rtp, v1::EventColumns* columns);
absl::Status Decode(const v1::EventColumns& columns, std::span<const uint8_t> flow_is_rtp,
                    std::vector<WireEvent>* events);

}  // namespace audio_latency::wire

#endif  // COMMON_WIRE_EVENT_COLUMNS_H_
