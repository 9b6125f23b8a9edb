// Who meets the packets of an interface: XDP, tcx and clsact, in the order of the kernel.

#ifndef PROBE_CAPTURE_HOOK_PROGRAM_H_
#define PROBE_CAPTURE_HOOK_PROGRAM_H_

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "bpf/capture_abi.h"

namespace audio_latency::probe {

struct HookProgram {
  enum class Kind { kXdp, kTcx, kClsact };

  Kind kind = Kind::kTcx;
  // The kernel's number of the BPF program; 0: a filter without one.
  uint32_t program_id = 0;
  // Only who has CAP_SYS_ADMIN is told the names of XDP and tcx programs; else empty.
  std::string name;
  // Of a clsact filter; else 0.
  uint32_t priority = 0;

  // "tcx program 123 (deny)", "clsact filter of priority 5 (guard.o:[tc], program 124)".
  std::string Describe() const;
};

// In the order in which packets meet them. UNAVAILABLE when the kernel does not tell. Looks at the
// network namespace of the calling thread; needs CAP_NET_ADMIN for tcx.
absl::StatusOr<std::vector<HookProgram>> ListHookPrograms(uint32_t interface_index,
                                                          capture_direction direction);

// The programs in front of ours, which can keep packets from it. Ours is told by its number, one of
// `own_program_ids`; where it is not there, all are in front.
std::vector<HookProgram> AheadOf(const std::set<uint32_t>& own_program_ids,
                                 const std::vector<HookProgram>& programs);

}  // namespace audio_latency::probe

#endif  // PROBE_CAPTURE_HOOK_PROGRAM_H_
