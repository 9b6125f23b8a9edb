// The causes of losses that a node can have.

#ifndef CORRELATOR_METRICS_LOSS_CAUSES_H_
#define CORRELATOR_METRICS_LOSS_CAUSES_H_

#include <string>
#include <vector>

namespace audio_latency::correlator {

// Of the kernel's capture, the probe and the correlator's ingest and clock, each once: they are
// told from the start, at 0. A counter that appeared with its first loss would have no rate then.
const std::vector<std::string>& NodeLossCauses();

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_METRICS_LOSS_CAUSES_H_
