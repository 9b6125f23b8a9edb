// A place where packets were captured, and what the capture says of it.

#ifndef CORRELATOR_REPLAY_OBSERVATION_POINT_H_
#define CORRELATOR_REPLAY_OBSERVATION_POINT_H_

#include <cstdint>
#include <optional>
#include <string>

#include "correlator/flows/flow_registry.h"

namespace audio_latency::correlator {

// What a captured packet begins with (https://www.tcpdump.org/linktypes.html).
enum class LinkLayer : uint8_t {
  kEthernet,       // LINKTYPE_ETHERNET
  kRawIp,          // LINKTYPE_RAW, LINKTYPE_IPV4, LINKTYPE_IPV6
  kNull,           // LINKTYPE_NULL, LINKTYPE_LOOP: the address family in 4 bytes
  kLinuxCookedV1,  // LINKTYPE_LINUX_SLL
  kLinuxCookedV2,  // LINKTYPE_LINUX_SLL2: tells the interface too
};

struct ObservationPoint {
  // Points of one node share a clock. Not empty.
  std::string node;
  // As traces show it. A cooked capture's interfaces are numbered behind it.
  std::string interface_name;
  LinkLayer link_layer = LinkLayer::kEthernet;
  // What the interface faces, where that is known; else it is worked out from the packets.
  enum class Role : uint8_t { kUnknown, kUplink, kContainer } role = Role::kUnknown;
  // Added to the packets' times: the common clock minus the node's.
  int64_t clock_offset_ns = 0;
  // How far off the times may be after that, beside the capture's own resolution. Absent: nobody
  // knows, and delays between this node and another have no error bound.
  std::optional<int64_t> clock_error_ns = 0;
  // Of the capture's times, at least 1.
  int64_t time_resolution_ns = 1;
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_REPLAY_OBSERVATION_POINT_H_
