// `audio-latency-probe check`.

#ifndef PROBE_CHECK_CHECK_COMMAND_H_
#define PROBE_CHECK_CHECK_COMMAND_H_

#include <map>
#include <span>
#include <string>

namespace audio_latency::probe {

// Tells on standard output what this kernel and these rights let the probe do, with the options
// that the probe itself would have. `arguments`: what follows "check": -o table or -o json, and
// options of the probe. The exit status: 0 nothing is missing, 1 something is, 2 it was asked
// wrongly. Needs no right.
int RunCheckCommand(std::span<const char* const> arguments,
                    const std::map<std::string, std::string>& environment,
                    const std::string& host_name);

}  // namespace audio_latency::probe

#endif  // PROBE_CHECK_CHECK_COMMAND_H_
