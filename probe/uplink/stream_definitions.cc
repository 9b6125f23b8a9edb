#include "probe/uplink/stream_definitions.h"

#include <memory>

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

v1::ContainerRuntime ToProto(ContainerRuntime runtime) {
  switch (runtime) {
    case ContainerRuntime::kDocker:
      return v1::CONTAINER_RUNTIME_DOCKER;
    case ContainerRuntime::kContainerd:
      return v1::CONTAINER_RUNTIME_CONTAINERD;
    case ContainerRuntime::kCrio:
      return v1::CONTAINER_RUNTIME_CRIO;
    case ContainerRuntime::kUnknown:
      break;
  }
  return v1::CONTAINER_RUNTIME_UNSPECIFIED;
}

void DefineFlow(const FlowRecord& flow, v1::EventBatch* message) {
  v1::FlowDefinition* const definition = message->add_flows();
  *definition = flow.definition;
  const std::shared_ptr<const FlowContainer> container = flow.container->Get();
  if (container == nullptr) {
    return;
  }
  v1::ContainerIdentity* const identity = definition->mutable_container();
  identity->set_runtime(ToProto(container->identity.runtime));
  identity->set_container_id(container->identity.container_id);
  identity->set_pod_uid(container->identity.pod_uid);
  identity->set_pod_name(container->name.pod);
  identity->set_pod_namespace(container->name.namespace_name);
}

}  // namespace

void StreamDefinitions::Complete(const OutgoingBatch& batch, v1::EventBatch* message) {
  *message = batch.message;
  for (const auto& flow : batch.flows) {
    // Before what it says: what comes meanwhile is told next time.
    const uint32_t container_version = flow->container->version();
    const auto [known, is_new] = flows_.try_emplace(flow->id(), container_version);
    if (is_new || known->second != container_version) {
      known->second = container_version;
      DefineInterface(*flow->interface, message);
      DefineFlow(*flow, message);
    }
  }
  for (const uint64_t flow_id : message->ended_flow_ids()) {
    flows_.erase(flow_id);
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
