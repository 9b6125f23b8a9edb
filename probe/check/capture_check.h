// What the kernel lets the probe do, tried out.

#ifndef PROBE_CHECK_CAPTURE_CHECK_H_
#define PROBE_CHECK_CAPTURE_CHECK_H_

#include <cstdint>
#include <vector>

#include "probe/check/check_item.h"
#include "probe/config/probe_config.h"

namespace audio_latency::probe {

// Loads the programs and their maps as the probe would, and looks at the interfaces that it would
// watch, in the network namespace of the calling thread. Attaches nothing and changes nothing.
// What needs a capability that is not among `effective_capabilities` is not tried, and is unknown.
// `open_files`: the limit of this process.
std::vector<CheckItem> CheckCapture(const ProbeConfig& config, uint64_t effective_capabilities,
                                    uint64_t open_files);

}  // namespace audio_latency::probe

#endif  // PROBE_CHECK_CAPTURE_CHECK_H_
