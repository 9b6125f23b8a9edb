// A network interface as the probe sees it, and the definition of it that goes to the correlator.

#ifndef PROBE_CAPTURE_INTERFACE_H_
#define PROBE_CAPTURE_INTERFACE_H_

#include <cstdint>
#include <string>

namespace audio_latency::probe {

// What an interface faces.
enum class InterfaceRole {
  // Neither: loopback, a bridge, a pair within one namespace.
  kUnspecified,
  // Towards other nodes.
  kUplink,
  // The host's end of a container's veth.
  kContainer,
};

// "uplink", "container", "other".
const char* InterfaceRoleName(InterfaceRole role);

// One link of the kernel; its defaults are those of an Ethernet device.
struct Link {
  uint32_t index = 0;
  std::string name;
  // rtnetlink's name of the driver: "veth", "bridge", …; empty for hardware and loopback.
  std::string kind;
  // ARPHRD_* of <linux/if_arp.h>.
  uint16_t hardware_type = 1;
  bool is_loopback = false;
  // Its other end is in another network namespace.
  bool peer_in_other_namespace = false;
  // The way to everywhere else leads through it.
  bool has_default_route = false;

  friend bool operator==(const Link&, const Link&) = default;
};

// An interface that is watched; immutable.
struct Interface {
  uint32_t index = 0;
  std::string name;
  InterfaceRole role = InterfaceRole::kUnspecified;
  // Larger than that of every interface made known before: tells which of two definitions of one
  // index is the newer one.
  uint64_t revision = 0;
};

}  // namespace audio_latency::probe

#endif  // PROBE_CAPTURE_INTERFACE_H_
