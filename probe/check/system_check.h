// What the facts of a machine mean for the probe.

#ifndef PROBE_CHECK_SYSTEM_CHECK_H_
#define PROBE_CHECK_SYSTEM_CHECK_H_

#include <vector>

#include "probe/check/check_item.h"
#include "probe/check/system_facts.h"

namespace audio_latency::probe {

// Kernel, BTF, capabilities, what restricts BPF, limits, clocks.
std::vector<CheckItem> CheckSystem(const SystemFacts& facts);

}  // namespace audio_latency::probe

#endif  // PROBE_CHECK_SYSTEM_CHECK_H_
