// The qdisc that filters hang on, and the filters there, ours and others'.

#ifndef PROBE_CAPTURE_TRAFFIC_FILTER_H_
#define PROBE_CAPTURE_TRAFFIC_FILTER_H_

#include <array>
#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bpf/capture_abi.h"

namespace audio_latency::probe {

// Where our filters go: the first of these that takes one. In front, because a filter ahead of ours
// that returns TC_ACT_OK hides the packet from us; more than one, because a priority that is used
// for one protocol, or by another kind, cannot be used by us.
inline constexpr std::array<uint32_t, 4> kTrafficFilterPriorities = {1, 2, 3, 4};

// The handle of our filters: tells them from others', also those that a killed probe left.
inline constexpr uint32_t kTrafficFilterHandle = 0xA0D10;

struct TrafficFilter {
  // The lower the earlier; of one protocol and kind.
  uint32_t priority = 0;
  // ETH_P_*.
  uint16_t protocol = 0;
  uint32_t handle = 0;
  // "bpf", "flower", "u32", …
  std::string kind;
  // What the one who attached a BPF program calls it; else empty.
  std::string name;
  // The kernel's number of the BPF program; 0: none.
  uint32_t program_id = 0;

  // Of a probe: this one, another that runs, or one that was killed.
  bool IsOurs() const;
};

// The kind of the qdisc at ffff:fff1: "clsact"; "ingress", the older one, which stands in the same
// place and takes filters of either hook for ingress; empty where there is none. UNAVAILABLE when
// the kernel does not tell. Looks at the network namespace of the calling thread, as do all here.
absl::StatusOr<std::string> HookQdiscKind(uint32_t interface_index);

// In the order in which packets meet them; empty where there is no qdisc for that direction.
// UNAVAILABLE when the kernel does not tell.
absl::StatusOr<std::vector<TrafficFilter>> ListTrafficFilters(uint32_t interface_index,
                                                              capture_direction direction);

// The priority that a filter of ours gets beside `filters`, where it comes before those that are
// there; 0: none takes it.
uint32_t PriorityBeside(std::span<const TrafficFilter> filters);

// Takes away the filters of other probes, at both hooks: those of a killed one. Those of one that
// still runs cannot be told from them; it puts them back within seconds. Filters of the programs
// `kept_program_ids` stay. Returns how many went. Touches nothing of others, and no qdisc: who made
// it cannot be told any more, and an empty one does no harm.
absl::StatusOr<int> RemoveLeftFilters(uint32_t interface_index,
                                      const std::set<uint32_t>& kept_program_ids);

}  // namespace audio_latency::probe

#endif  // PROBE_CAPTURE_TRAFFIC_FILTER_H_
