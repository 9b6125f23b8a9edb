// One log line a signature, for looking at what the probe sees.

#ifndef PROBE_CAPTURE_EVENT_LOG_H_
#define PROBE_CAPTURE_EVENT_LOG_H_

#include <memory>
#include <span>
#include <string>

#include "common/logging/logger.h"
#include "probe/capture/event_sink.h"
#include "probe/capture/interface_directory.h"

namespace audio_latency::probe {

// Writes every signed event as an "audio_signature" line of level trace, then hands the block on.
// Put it in front of the sink only where that level is on: a busy node makes 100,000 lines a
// second.
class EventLog final : public EventSink {
 public:
  // All must outlive the log. `node`: the node's name.
  EventLog(std::string node, const InterfaceDirectory* directory, Logger* logger, EventSink* next);

  void OnEvents(std::span<const signature_event> events) override;
  void OnTick() override;

 private:
  const std::string node_;
  const InterfaceDirectory* const directory_;
  Logger* const logger_;
  EventSink* const next_;
};

}  // namespace audio_latency::probe

#endif  // PROBE_CAPTURE_EVENT_LOG_H_
