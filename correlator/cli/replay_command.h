// What the user asked of `audio-latency replay`.

#ifndef CORRELATOR_CLI_REPLAY_COMMAND_H_
#define CORRELATOR_CLI_REPLAY_COMMAND_H_

#include <CLI/CLI.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "correlator/replay/file_replay.h"
#include "correlator/replay/replay.h"

namespace audio_latency::correlator {

struct ReplayCommand {
  // Clock errors are absent where nothing is known of how two nodes' clocks differ.
  std::vector<CaptureFile> files;
  // YAML; empty: none.
  std::string endpoints_file;
  ReplayOptions options;
  // What is shown; none: paths and hops.
  bool paths = false;
  bool hops = false;
  bool matches = false;
  bool events = false;
  // Progress is told even where nobody seems to look.
  bool progress = false;
  // The user says that all captures' times are of one clock, but for those with an error of their
  // own.
  bool one_clock = false;
};

// The options as they are typed.
class ReplayCommandParser {
 public:
  // Adds them to `app`; this must outlive the parsing.
  void AddOptions(CLI::App* app);
  // After the parsing. INVALID_ARGUMENT names the option and what is allowed. The cluster's seed is
  // taken from SIGNATURE_SEED of `environment`, too: a command line can be seen by others.
  absl::StatusOr<ReplayCommand> Finish(const std::map<std::string, std::string>& environment) const;

 private:
  ReplayCommand command_;
  std::vector<std::string> files_;
  std::vector<std::string> clock_offsets_;
  std::vector<std::string> clock_errors_;
  std::string audio_ports_;
  std::string excluded_ports_;
  std::optional<std::string> seed_;
  int64_t match_window_ms_ = 10'000;
};

// "1.5", "-0.25s", "250ms", "3us", "1500ns": exact. Nothing when it is no such time.
std::optional<int64_t> ParseSeconds(std::string_view text);

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_CLI_REPLAY_COMMAND_H_
