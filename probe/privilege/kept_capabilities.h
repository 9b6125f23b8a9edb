// Which capabilities the probe still needs once its programs are loaded.

#ifndef PROBE_PRIVILEGE_KEPT_CAPABILITIES_H_
#define PROBE_PRIVILEGE_KEPT_CAPABILITIES_H_

#include <cstdint>

#include "probe/capture/capture_program.h"

namespace audio_latency::probe {

// CAP_NET_ADMIN, to attach to interfaces that come; CAP_BPF where this kernel wants it to read the
// counters of the programs (before 5.19), which is tried out; CAP_NET_BIND_SERVICE for a metrics
// port below 1024.
uint64_t KeptCapabilities(CaptureProgram* program, uint16_t metrics_port);

}  // namespace audio_latency::probe

#endif  // PROBE_PRIVILEGE_KEPT_CAPABILITIES_H_
