// The filters at an interface's clsact qdisc, ours and others'.

#ifndef PROBE_CAPTURE_TRAFFIC_FILTER_H_
#define PROBE_CAPTURE_TRAFFIC_FILTER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bpf/capture_abi.h"

namespace audio_latency::probe {

// The handle of our filters: tells them from others', also those that a killed probe left.
inline constexpr uint32_t kTrafficFilterHandle = 0xA0D10;

struct TrafficFilter {
  // The lower the earlier; unique for a protocol.
  uint32_t priority = 0;
  uint32_t handle = 0;
  // "bpf", "flower", "u32", …
  std::string kind;
  // What the one who attached a BPF program calls it; else empty.
  std::string name;
  // The kernel's number of the BPF program; 0: none.
  uint32_t program_id = 0;

  // Of a probe: this one, or one that was killed.
  bool IsOurs() const;
};

// In the order in which packets meet them; empty where there is no clsact qdisc. UNAVAILABLE when
// the kernel does not tell. Looks at the network namespace of the calling thread, as do all here.
absl::StatusOr<std::vector<TrafficFilter>> ListTrafficFilters(uint32_t interface_index,
                                                              capture_direction direction);

// Takes away the filters of a probe that was killed, at both hooks; those with the priorities given
// stay (0: none). Returns how many went. Touches nothing of others, and no qdisc: who made it
// cannot be told any more, and an empty one does no harm.
absl::StatusOr<int> RemoveLeftFilters(uint32_t interface_index, uint32_t kept_ingress_priority,
                                      uint32_t kept_egress_priority);

}  // namespace audio_latency::probe

#endif  // PROBE_CAPTURE_TRAFFIC_FILTER_H_
