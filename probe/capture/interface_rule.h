// Which interfaces are watched, and what they face.

#ifndef PROBE_CAPTURE_INTERFACE_RULE_H_
#define PROBE_CAPTURE_INTERFACE_RULE_H_

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "bpf/capture_abi.h"
#include "probe/capture/interface.h"

namespace audio_latency::probe {

// Uplinks are what has the default route or an uplink's usual name (eth*, ens*, enp*: inside a node
// that is itself a container they are veths), and everything else that can lead off the node.
// Containers are the other veths whose far end is in another network namespace.
InterfaceRole RoleOf(const Link& link);

// What the packets of a link begin with, as the kernel's dev_is_mac_header_xmit has it; nothing
// where they begin with neither Ethernet nor IP (CAN, InfiniBand, raw 802.11, …).
std::optional<capture_link_layer> LinkLayerOf(const Link& link);

// The user's choice of interfaces: names, globs ("veth*"), and "auto" for the default route's, eth0
// and the containers'. Value type.
class InterfaceRule {
 public:
  explicit InterfaceRule(std::vector<std::string> patterns);

  bool Matches(const Link& link) const;
  // True when it is asked for by its name, not by a glob or auto.
  bool Names(const Link& link) const;

  // True when a device of this link layer is among those that match now, or may come later: what
  // is not named can be of any kind.
  bool MayMatch(capture_link_layer link_layer, std::span<const Link> links) const;

  // NOT_FOUND when a name is asked for that `links` does not have; it lists those that exist. Globs
  // and auto may match later, so they are never missing. FAILED_PRECONDITION when packets of a link
  // that is named cannot be read.
  absl::Status CheckNamed(std::span<const Link> links) const;

  // "auto,ens5".
  std::string ToString() const;

 private:
  std::vector<std::string> patterns_;
};

}  // namespace audio_latency::probe

#endif  // PROBE_CAPTURE_INTERFACE_RULE_H_
