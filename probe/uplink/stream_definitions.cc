#include "probe/uplink/stream_definitions.h"

namespace audio_latency::probe {
namespace {

v1::InterfaceRole ToProto(InterfaceRole role) {
  switch (role) {
    case InterfaceRole::kUplink:
      return v1::INTERFACE_ROLE_UPLINK;
    case InterfaceRole::kContainer:
      return v1::INTERFACE_ROLE_CONTAINER;
    case InterfaceRole::kUnspecified:
      break;
  }
  return v1::INTERFACE_ROLE_UNSPECIFIED;
}

}  // namespace

void StreamDefinitions::Complete(const OutgoingBatch& batch, v1::EventBatch* message) {
  *message = batch.message;
  for (const auto& flow : batch.flows) {
    if (flow_ids_.insert(flow->id()).second) {
      DefineInterface(*flow->interface, message);
      *message->add_flows() = flow->definition;
    }
  }
  for (const uint64_t flow_id : message->ended_flow_ids()) {
    flow_ids_.erase(flow_id);
  }
}

void StreamDefinitions::DefineInterface(const Interface& interface, v1::EventBatch* message) {
  const auto [known, is_new] = interfaces_.try_emplace(interface.index, interface.revision);
  // An older flow may still hold the definition from before its interface was renamed.
  if (!is_new && known->second >= interface.revision) {
    return;
  }
  known->second = interface.revision;
  v1::InterfaceDefinition* const definition = message->add_interfaces();
  definition->set_interface_index(interface.index);
  definition->set_name(interface.name);
  definition->set_role(ToProto(interface.role));
}

}  // namespace audio_latency::probe
