// What the kernel counts at each interface.

#ifndef PROBE_CAPTURE_LINK_TRAFFIC_H_
#define PROBE_CAPTURE_LINK_TRAFFIC_H_

#include <cstdint>
#include <map>

#include "absl/status/statusor.h"
#include "bpf/capture_abi.h"

namespace audio_latency::probe {

// Totals since the interface was made.
struct DirectionTraffic {
  uint64_t packets = 0;
  uint64_t bytes = 0;
};

struct LinkTraffic {
  DirectionTraffic received;
  DirectionTraffic sent;

  const DirectionTraffic& Of(capture_direction direction) const {
    return direction == CAPTURE_DIRECTION_EGRESS ? sent : received;
  }
};

// Of all interfaces of the network namespace of the calling thread, by index.
absl::StatusOr<std::map<uint32_t, LinkTraffic>> ReadLinkTraffic();

}  // namespace audio_latency::probe

#endif  // PROBE_CAPTURE_LINK_TRAFFIC_H_
