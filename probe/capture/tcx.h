// As much of the bpf system call as tcx needs and Debian 12's libbpf does not have (Linux 6.6).

#ifndef PROBE_CAPTURE_TCX_H_
#define PROBE_CAPTURE_TCX_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "bpf/capture_abi.h"

namespace audio_latency::probe {

// A link's file descriptor, or -1 and errno. The link goes with its last descriptor.
// `at_head`: before all others, else after them.
int CreateTcxLink(int program_fd, uint32_t interface_index, capture_direction direction,
                  bool at_head);

// False when the link has been detached by force or its interface is gone; what the kernel does not
// tell is taken for attached.
bool TcxLinkIsAttached(int link_fd);

// The kernel's numbers of the tcx programs at an interface, in the order in which packets meet
// them; empty where the kernel has no tcx. PERMISSION_DENIED without CAP_NET_ADMIN.
absl::StatusOr<std::vector<uint32_t>> ListTcxPrograms(uint32_t interface_index,
                                                      capture_direction direction);

}  // namespace audio_latency::probe

#endif  // PROBE_CAPTURE_TCX_H_
