// The command line's program, without the process around it.

#ifndef CORRELATOR_CLI_RUN_H_
#define CORRELATOR_CLI_RUN_H_

#include <map>
#include <ostream>
#include <span>
#include <string>

#include "common/time/clock.h"

namespace audio_latency::correlator {

// Exit codes.
inline constexpr int kExitOk = 0;
// The server, a file or the output failed.
inline constexpr int kExitServerError = 1;
inline constexpr int kExitUsage = 2;

struct Surroundings {
  const std::map<std::string, std::string>& environment;
  // Unix time.
  const Clock& realtime;
  std::ostream& output;
  std::ostream& errors;
  // `watch` then draws over its last answer instead of writing below it.
  bool is_terminal = false;
  // A long replay then tells how far it is.
  bool errors_are_terminal = false;
};

// `arguments` is argv without the program; gives the exit code.
int RunCommandLine(std::span<const char* const> arguments, const Surroundings& surroundings);

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_CLI_RUN_H_
