// `audio-latency replay`: capture files to the answers that a correlator would have given.

#ifndef CORRELATOR_CLI_RUN_REPLAY_H_
#define CORRELATOR_CLI_RUN_REPLAY_H_

#include "absl/status/status.h"
#include "correlator/cli/command_line.h"
#include "correlator/cli/run.h"

namespace audio_latency::correlator {

// Shows what was asked for. What is wrong with a file goes to surroundings.errors, one line a file,
// and makes the result DATA_LOSS; what was read of it is in the answer. Other errors: before
// anything was read.
absl::Status RunReplay(const CommandLine& command, const Surroundings& surroundings);

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_CLI_RUN_REPLAY_H_
