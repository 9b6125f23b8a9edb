// The demo where eBPF is not allowed: the same questions, answered from a recording of the
// scenario.

#ifndef TESTS_LAB_DEMO_REPLAYED_DEMO_H_
#define TESTS_LAB_DEMO_REPLAYED_DEMO_H_

#include <string>

#include "absl/status/statusor.h"
#include "tests/lab/demo/promises.h"

namespace audio_latency::lab {

// Runs `audio-latency replay` over the recording in `recording_folder` and audits every match. The
// answer goes to <output_folder>/paths.json, too.
absl::StatusOr<ScenarioResult> ReplayRecording(const std::string& recording_folder,
                                               const std::string& output_folder);

}  // namespace audio_latency::lab

#endif  // TESTS_LAB_DEMO_REPLAYED_DEMO_H_
