#include "common/signature/event_flow.h"

#include <xxhash.h>

#include <cstring>
#include <type_traits>

namespace audio_latency {

EventFlowKey EventFlowKey::Of(const signature_event& event, uint8_t direction) {
  EventFlowKey key;
  std::memcpy(key.source_address.data(), event.source_address, sizeof(event.source_address));
  std::memcpy(key.destination_address.data(), event.destination_address,
              sizeof(event.destination_address));
  key.source_port = event.source_port;
  key.destination_port = event.destination_port;
  key.interface_index = event.interface_index;
  key.direction = direction;
  key.transport = event.transport;
  if (IsRtp(event)) {
    key.is_rtp = 1;
    key.ssrc = event.rtp_ssrc;
  } else if (KnowsInitialSequence(event)) {
    key.initial_sequence_known = 1;
    key.initial_sequence = event.initial_sequence;
  }
  return key;
}

size_t EventFlowKeyHash::operator()(const EventFlowKey& key) const {
  static_assert(std::has_unique_object_representations_v<EventFlowKey>);
  return XXH3_64bits(&key, sizeof(key));
}

}  // namespace audio_latency
