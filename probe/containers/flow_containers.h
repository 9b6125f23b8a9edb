// Asking whose flow it is.

#ifndef PROBE_CONTAINERS_FLOW_CONTAINERS_H_
#define PROBE_CONTAINERS_FLOW_CONTAINERS_H_

#include <cstdint>
#include <memory>

#include "common/address/ip_address.h"
#include "probe/capture/interface.h"
#include "probe/containers/container_slot.h"

namespace audio_latency::probe {

// A flow at an observation point.
struct FlowQuestion {
  uint32_t interface_index = 0;
  // Of the interface's entry in the directory.
  uint64_t interface_revision = 0;
  InterfaceRole role = InterfaceRole::kUnspecified;
  bool is_ingress = false;
  uint8_t transport = 0;  // IP protocol number
  IpAddress source;
  uint16_t source_port = 0;
  IpAddress destination;
  uint16_t destination_port = 0;

  // True when the container, if there is one, is where the flow comes from: out of a container's
  // veth, or out of one of the node's own sockets.
  bool IsAtSource() const { return is_ingress == (role == InterfaceRole::kContainer); }
};

// Thread-safe.
class FlowContainers {
 public:
  virtual ~FlowContainers() = default;

  // Puts the container of the flow into `slot` as soon as it is known, which may be now. Does not
  // wait.
  virtual void Ask(const FlowQuestion& question, const std::shared_ptr<ContainerSlot>& slot) = 0;
};

}  // namespace audio_latency::probe

#endif  // PROBE_CONTAINERS_FLOW_CONTAINERS_H_
