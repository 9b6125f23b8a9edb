// What all observation points of one conversation agree on.

#ifndef CORRELATOR_FLOWS_CONVERSATION_KEY_H_
#define CORRELATOR_FLOWS_CONVERSATION_KEY_H_

#include <cstdint>
#include <utility>

#include "common/address/ip_address.h"
#include "correlator/flows/flow_registry.h"

namespace audio_latency::correlator {

struct ConversationKey {
  IpAddress source;
  IpAddress destination;
  uint16_t source_port = 0;
  uint16_t destination_port = 0;
  uint8_t transport = 0;
  bool is_rtp = false;
  uint32_t rtp_ssrc = 0;
  // Tells apart addresses that mean something else on every node (127.0.0.1); else -1.
  int32_t node = -1;

  friend bool operator==(const ConversationKey&, const ConversationKey&) = default;
  template <typename H>
  friend H AbslHashValue(H state, const ConversationKey& key) {
    return H::combine(std::move(state), key.source, key.destination, key.source_port,
                      key.destination_port, key.transport, key.is_rtp, key.rtp_ssrc, key.node);
  }

  // What conversations have in common that differ in that end only.
  ConversationKey WithoutSource() const {
    ConversationKey key = *this;
    key.source = IpAddress();
    key.source_port = 0;
    return key;
  }
  ConversationKey WithoutDestination() const {
    ConversationKey key = *this;
    key.destination = IpAddress();
    key.destination_port = 0;
    return key;
  }
};

inline ConversationKey ConversationKeyOf(const FlowDescription& flow) {
  const auto is_node_local = [](const IpAddress& address) {
    return address.is_loopback() || address.is_link_local();
  };
  ConversationKey key{.source = flow.source,
                      .destination = flow.destination,
                      .source_port = flow.source_port,
                      .destination_port = flow.destination_port,
                      .transport = flow.transport,
                      .is_rtp = flow.is_rtp,
                      .rtp_ssrc = flow.is_rtp ? flow.rtp_ssrc : 0};
  if (is_node_local(flow.source) || is_node_local(flow.destination)) {
    key.node = flow.node;
  }
  return key;
}

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_FLOWS_CONVERSATION_KEY_H_
