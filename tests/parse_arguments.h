// The command lines of the tools under tests/.

#ifndef TESTS_PARSE_ARGUMENTS_H_
#define TESTS_PARSE_ARGUMENTS_H_

#include <CLI/CLI.hpp>
#include <optional>

namespace audio_latency {

// What the process is to end with at once: nothing when the arguments are right, 0 after --help, 2
// after a usage error, which is told.
inline std::optional<int> ParseArguments(CLI::App* app, int argc, const char* const* argv) {
  try {
    app->parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    constexpr int kUsage = 2;
    return app->exit(error) == 0 ? 0 : kUsage;
  }
  return std::nullopt;
}

}  // namespace audio_latency

#endif  // TESTS_PARSE_ARGUMENTS_H_
