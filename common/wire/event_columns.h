// How signature events travel: columns, about 12 bytes an event, of which 8 are the signature.
//
// Each event names its flow by index into the batch's flow table. `fields` holds, for each event in
// time order, as LEB128 varints unless said otherwise:
//
//   head        flow_index << 3 | signed << 2 | marker << 1 | predicted
//   time        zigzag of the difference to the event before (the first: to base_time_ns), in units
//               of kTimeUnitNs
//   content     zigzag of position - position of the flow's event before (absent when predicted,
//               which content events never are)
//   RTP         unless predicted: position, rtp_timestamp (both zigzag of the difference to the
//               flow's event before in the batch), payload_type (1 byte), payload_bytes
//   RTP         always: level (1 byte)
//
// "Predicted" means: sequence number + 1, timestamp advanced by as much as between the two events
// before, payload type and length unchanged. The state of the prediction starts from zero in each
// batch, so that a batch can be decoded alone, twice or out of order.

#ifndef COMMON_WIRE_EVENT_COLUMNS_H_
#define COMMON_WIRE_EVENT_COLUMNS_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "audio_latency/v1/probe.pb.h"

namespace audio_latency::wire {

// Resolution of time on the wire. Half of it is part of every error bar.
inline constexpr int64_t kTimeUnitNs = 256;
// Larger batches are refused.
inline constexpr uint32_t kMaxEventsPerBatch = 65536;

// One signature event, its flow known from elsewhere.
struct WireEvent {
  // 0 when `is_signed` is false.
  uint64_t signature = 0;
  // On the node's monotonic clock.
  int64_t time_ns = 0;
  // Index into the batch's flow table.
  uint32_t flow_index = 0;
  // TCP: sequence number of the window's first byte. RTP: sequence number.
  uint32_t position = 0;
  uint32_t rtp_timestamp = 0;
  uint16_t payload_bytes = 0;
  uint8_t rtp_payload_type = 0;
  // -dBov; 255 unknown.
  uint8_t level = 255;
  bool is_signed = false;
  bool rtp_marker = false;

  friend bool operator==(const WireEvent&, const WireEvent&) = default;
};

// `flow_ids` is the batch's flow table and `flow_is_rtp` tells of each whether its events are RTP (1) or not (0).
// Times are rounded to kTimeUnitNs. Events should be in time order (any order is encoded right).
// INVALID_ARGUMENT when an index is outside the table or there are too many events.
absl::Status Encode(std::span<const WireEvent> events, std::span<const uint64_t> flow_ids,
                    std::span<const uint8_t> flow_is_rtp, v1::EventColumns* columns);

// Appends to `events`. `flow_is_rtp` is by index in the flow table, as for Encode. Every malformed
// input is refused with INVALID_ARGUMENT, and `events` is as before then.
absl::Status Decode(const v1::EventColumns& columns, std::span<const uint8_t> flow_is_rtp,
                    std::vector<WireEvent>* events);

}  // namespace audio_latency::wire

#endif  // COMMON_WIRE_EVENT_COLUMNS_H_
