// Why an event was lost, named the same in the metrics, logs and answers of both programs. The
// causes of the capture programs are in bpf/capture_abi.h.

#ifndef COMMON_LOSS_CAUSES_H_
#define COMMON_LOSS_CAUSES_H_

namespace audio_latency {

// At the probe.
// No room in the flow table (MAX_FLOWS).
inline constexpr char kCauseFlowLimit[] = "flow_limit";
// Could not be put into a batch, which a right batcher never meets.
inline constexpr char kCauseProbeEncoding[] = "probe_encoding";
// The correlator was out of reach, or the way to it too slow, for longer than the buffer lasts.
inline constexpr char kCauseProbeBufferFull[] = "probe_buffer_full";

// At the probe, for the correlator gave no credit, or at the correlator, for a queue was full.
inline constexpr char kCauseCorrelatorOverloaded[] = "correlator_overloaded";

// At the correlator.
// The probe ended without saying so, and what it had made and not sent went with it.
inline constexpr char kCauseProbeDied[] = "probe_died";
// No room in the flow table (MAX_FLOWS).
inline constexpr char kCauseCorrelatorFlowLimit[] = "correlator_flow_limit";
// More of one probe than MAX_EVENTS_PER_SECOND.
inline constexpr char kCauseEventRate[] = "event_rate";
// The batch named a flow that is not defined, or could not be read.
inline constexpr char kCauseUnknownFlow[] = "unknown_flow";
inline constexpr char kCauseMalformedBatch[] = "malformed_batch";
// The node's clock did not become good in time, or the event's time is none of it.
inline constexpr char kCauseClockUnsynchronised[] = "clock_unsynchronised";
inline constexpr char kCauseTimeOutOfRange[] = "time_out_of_range";
// Older than the matching window (MATCH_WINDOW_MS) when it arrived, such as what a probe sent again
// after a long break, or when its turn came.
inline constexpr char kCauseTooLate[] = "too_late";
// Overwritten in the matching table before it was decided (MATCH_TABLE_EVENTS).
inline constexpr char kCauseTableOverwritten[] = "table_overwritten";
// A match, decided already, for which the queue before the paths had no room.
inline constexpr char kCauseMatchQueueFull[] = "match_queue_full";

}  // namespace audio_latency

#endif  // COMMON_LOSS_CAUSES_H_
