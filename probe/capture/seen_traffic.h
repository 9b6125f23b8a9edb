// What our programs saw at each interface.

#ifndef PROBE_CAPTURE_SEEN_TRAFFIC_H_
#define PROBE_CAPTURE_SEEN_TRAFFIC_H_

#include <cstdint>
#include <set>

#include "bpf/capture_abi.h"

namespace audio_latency::probe {

// Thread-safe.
class SeenTraffic {
 public:
  virtual ~SeenTraffic() = default;
  // Bytes of packets that passed the programs at an interface in a direction, since they were
  // loaded; interfaces may share a count (CAPTURE_INTERFACE_SLOT).
  virtual uint64_t BytesSeen(uint32_t interface_index, capture_direction direction) const = 0;
  // The kernel's numbers of the programs.
  virtual std::set<uint32_t> ProgramIds() const = 0;
};

}  // namespace audio_latency::probe

#endif  // PROBE_CAPTURE_SEEN_TRAFFIC_H_
