// audio-latency: asks a correlator, or captures, how long the audio took.

#include <unistd.h>

#include <iostream>
#include <span>

#include "common/config/config.h"
#include "common/time/clock.h"
#include "correlator/cli/run.h"

int main(int argc, char** argv) {
  const std::map<std::string, std::string> environment = audio_latency::ProcessEnvironment();
  const audio_latency::RealtimeClock realtime;
  const std::span<const char* const> arguments(argv + (argc > 0 ? 1 : 0),
                                               static_cast<size_t>(argc > 0 ? argc - 1 : 0));
  return audio_latency::correlator::RunCommandLine(
      arguments, {.environment = environment,
                  .realtime = realtime,
                  .output = std::cout,
                  .errors = std::cerr,
                  .is_terminal = isatty(STDOUT_FILENO) == 1,
                  .errors_are_terminal = isatty(STDERR_FILENO) == 1});
}
