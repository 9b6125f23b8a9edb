// Runs the command line against a server and keeps what it said.

#ifndef TESTS_UNIT_CORRELATOR_CLI_CLI_RUNNER_H_
#define TESTS_UNIT_CORRELATOR_CLI_CLI_RUNNER_H_

#include <map>
#include <ostream>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "common/time/clock.h"
#include "correlator/cli/run.h"

namespace audio_latency::correlator {

struct CliRun {
  int exit_code = 0;
  std::string output;
  std::string errors;
};

// Writes to `output`; the result's `output` stays empty.
inline CliRun RunCliInto(std::ostream& output, const std::string& server,
                         std::vector<const char*> arguments, bool is_terminal = false) {
  const std::map<std::string, std::string> environment = {{"AUDIO_LATENCY_SERVER", server}};
  const ManualClock realtime(1704110403'000'000'000);
  std::ostringstream errors;
  CliRun run;
  run.exit_code = RunCommandLine(arguments, {.environment = environment,
                                             .realtime = realtime,
                                             .output = output,
                                             .errors = errors,
                                             .is_terminal = is_terminal});
  run.errors = errors.str();
  return run;
}

inline CliRun RunCli(const std::string& server, std::vector<const char*> arguments,
                     bool is_terminal = false) {
  std::ostringstream output;
  CliRun run = RunCliInto(output, server, std::move(arguments), is_terminal);
  run.output = output.str();
  return run;
}

}  // namespace audio_latency::correlator

#endif  // TESTS_UNIT_CORRELATOR_CLI_CLI_RUNNER_H_
