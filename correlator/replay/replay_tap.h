// Who looks on while captures are replayed: a test, an accuracy measurement, --events.

#ifndef CORRELATOR_REPLAY_REPLAY_TAP_H_
#define CORRELATOR_REPLAY_REPLAY_TAP_H_

#include <cstdint>
#include <optional>
#include <string_view>

#include "bpf/capture_abi.h"
#include "correlator/flows/flow_registry.h"
#include "correlator/matching/match.h"

namespace audio_latency::correlator {

// A number of a point, from 0 in the order in which they were added.
using PointId = uint32_t;

// An event, and where it was seen. Valid during the call.
struct ReplayEvent {
  PointId point = 0;
  // As the capture code gave it; its time is the capture file's.
  const signature_event& event;
  // Unix time on the common clock.
  int64_t time_ns = 0;
  // Absent: the event is not signed, or there was no room for its flow.
  std::optional<FlowId> flow;
  std::string_view interface_name;
  Direction direction = Direction::kUnknown;
};

// Called in the order of the packets.
class ReplayTap {
 public:
  virtual ~ReplayTap() = default;

  // Every event, also those of RTP packets that are not signed.
  virtual void OnEvent(const ReplayEvent& event) = 0;
  // As matching decides; the flows' numbers mean the same for a minute of the captures' time.
  virtual void OnMatch(const Match& match) = 0;
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_REPLAY_REPLAY_TAP_H_
