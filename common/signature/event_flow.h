// Which flow a signature event belongs to: the rule that probe and replay share.

#ifndef COMMON_SIGNATURE_EVENT_FLOW_H_
#define COMMON_SIGNATURE_EVENT_FLOW_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "bpf/capture_abi.h"

namespace audio_latency {

inline bool IsRtp(const signature_event& event) { return event.kind != CAPTURE_SIGNATURE_CONTENT; }

// Of TCP, when the SYN was seen.
inline bool KnowsInitialSequence(const signature_event& event) {
  return !IsRtp(event) && (event.flags & CAPTURE_EVENT_INITIAL_SEQUENCE_KNOWN) != 0;
}

// Everything that tells flows of one node apart, without padding: 5-tuple, interface, direction and
// kind, for RTP the SSRC, and for TCP the initial sequence number, so that a later connection on
// the same ports is another flow.
struct EventFlowKey {
  std::array<uint8_t, 16> source_address = {};
  std::array<uint8_t, 16> destination_address = {};
  uint16_t source_port = 0;
  uint16_t destination_port = 0;
  uint32_t interface_index = 0;
  uint32_t ssrc = 0;
  uint32_t initial_sequence = 0;
  uint8_t direction = 0;
  uint8_t transport = 0;
  uint8_t is_rtp = 0;
  uint8_t initial_sequence_known = 0;

  // `direction`: what the caller knows of it, in values of its own.
  static EventFlowKey Of(const signature_event& event, uint8_t direction);

  friend bool operator==(const EventFlowKey&, const EventFlowKey&) = default;
};

struct EventFlowKeyHash {
  size_t operator()(const EventFlowKey& key) const;
};

}  // namespace audio_latency

#endif  // COMMON_SIGNATURE_EVENT_FLOW_H_
