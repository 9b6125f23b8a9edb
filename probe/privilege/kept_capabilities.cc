#include "probe/privilege/kept_capabilities.h"

#include "probe/capture/attachment.h"
#include "probe/privilege/capabilities.h"

namespace audio_latency::probe {

uint64_t KeptCapabilities(CaptureProgram* program, uint16_t metrics_port) {
  constexpr uint16_t kFirstFreePort = 1024;
  uint64_t kept = CapabilitySet({kCapNetAdmin});
  if (metrics_port != 0 && metrics_port < kFirstFreePort) {
    kept |= CapabilitySet({kCapNetBindService});
  }
  const bool has_tcx = TcxIsSupported(program);
  const bool works = WorksWithCapabilities(kept, [program, has_tcx] {
    return program->ReadCounters().ok() && TcxIsSupported(program) == has_tcx;
  });
  return works ? kept : kept | CapabilitySet({kCapBpf});
}

}  // namespace audio_latency::probe
