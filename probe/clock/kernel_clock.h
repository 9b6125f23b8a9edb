// What the kernel says of the node's wall clock.

#ifndef PROBE_CLOCK_KERNEL_CLOCK_H_
#define PROBE_CLOCK_KERNEL_CLOCK_H_

#include <optional>

#include "audio_latency/v1/clock.pb.h"

namespace audio_latency::probe {

// adjtimex(2), reading only; needs no right. Nothing where the kernel does not answer. Thread-safe.
std::optional<v1::KernelClock> ReadKernelClock();

}  // namespace audio_latency::probe

#endif  // PROBE_CLOCK_KERNEL_CLOCK_H_
