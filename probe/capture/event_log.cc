#include "probe/capture/event_log.h"

#include <utility>

#include "common/address/ip_address.h"
#include "nlohmann/json.hpp"

namespace audio_latency::probe {

EventLog::EventLog(std::string node, const InterfaceDirectory* directory, Logger* logger,
                   EventSink* next)
    : node_(std::move(node)), directory_(directory), logger_(logger), next_(next) {}

void EventLog::OnEvents(std::span<const signature_event> events) {
  for (const signature_event& event : events) {
    if ((event.flags & CAPTURE_EVENT_SIGNED) == 0) {
      continue;
    }
    logger_->Log(
        LogLevel::kTrace, "audio_signature", "Audio signature detected",
        {{"timestamp_ns", event.time_ns},
         {"signature", event.signature},
         {"node", node_},
         {"interface", directory_->Find(event.interface_index)->name},
         {"direction", event.direction == CAPTURE_DIRECTION_INGRESS ? "ingress" : "egress"},
         {"src_ip", IpAddress::FromMapped(event.source_address).ToString()},
         {"src_port", event.source_port},
         {"dst_ip", IpAddress::FromMapped(event.destination_address).ToString()},
         {"dst_port", event.destination_port}});
  }
  next_->OnEvents(events);
}

void EventLog::OnTick() { next_->OnTick(); }

}  // namespace audio_latency::probe
