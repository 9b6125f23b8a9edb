// What the user asked for.

#ifndef CORRELATOR_CLI_COMMAND_LINE_H_
#define CORRELATOR_CLI_COMMAND_LINE_H_

#include <cstdint>
#include <map>
#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "common/tls/tls_files.h"
#include "correlator/cli/replay_command.h"
#include "correlator/query/query_limits.h"

namespace audio_latency::correlator {

struct CommandLine {
  enum class Verb {
    kShowText,  // --help or --version: `text` is what to show
    kPaths,
    kHops,
    kNodes,
    kWatch,
    kTrace,
    kReplay,
  };

  Verb verb = Verb::kShowText;
  std::string text;
  // HOST:PORT of the correlator's gRPC.
  std::string server = "localhost:9095";
  // How to speak to it. Files of TLS, of which the certificate and its key may be missing; none:
  // plain text, which `plain_text` asks for where the server is not on loopback.
  TlsFiles tls;
  // The name that its certificate must bear; "": the host in `server`.
  std::string server_name;
  bool plain_text = false;
  // File whose first token is sent along; "": none.
  std::string token_file;
  bool as_json = false;
  // 0: since the correlator's start.
  uint32_t window_seconds = 0;
  std::string through;
  // watch
  uint32_t interval_ms = kDefaultIntervalMs;
  // watch and trace --follow: end after so many answers; 0: never.
  uint32_t answers = 0;
  // trace
  std::string signature;
  std::string path;
  bool follow = false;
  ReplayCommand replay;
};

// `arguments` is argv without the program. An error is one line that says what to do.
absl::StatusOr<CommandLine> ParseCommandLine(std::span<const char* const> arguments,
                                             const std::map<std::string, std::string>& environment);

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_CLI_COMMAND_LINE_H_
