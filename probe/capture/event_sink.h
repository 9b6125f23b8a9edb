// Where the events that were read go.

#ifndef PROBE_CAPTURE_EVENT_SINK_H_
#define PROBE_CAPTURE_EVENT_SINK_H_

#include <span>

#include "bpf/capture_abi.h"

namespace audio_latency::probe {

// Called from the reader's thread only.
class EventSink {
 public:
  virtual ~EventSink() = default;

  // A block of events, about in time order.
  virtual void OnEvents(std::span<const signature_event> events) = 0;
  // After each look into the ring: every 1 to 20 ms.
  virtual void OnTick() = 0;
};

}  // namespace audio_latency::probe

#endif  // PROBE_CAPTURE_EVENT_SINK_H_
