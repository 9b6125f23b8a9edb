// Options of a program, from flags, environment and a YAML file. Precedence: flag > environment >
// file > default. An unknown flag or file key is an error that names the nearest known one.

#ifndef COMMON_CONFIG_CONFIG_H_
#define COMMON_CONFIG_CONFIG_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace audio_latency {

// The options of one program: what they are called, what they take, where they go.
//
//   ConfigParser parser("audio-latency-probe", "Signs the audio that passes this node.");
//   parser.AddString("INTERFACE", "interfaces to watch: …", &config.interface);
//   parser.AddInteger("METRICS_PORT", "port of /metrics", 0, 65535, &config.metrics_port);
//
// An option is declared by its environment name, METRICS_PORT; the flag is then --metrics-port and
// the file key metrics_port. The value found at declaration is the default that --help shows.
class ConfigParser {
 public:
  enum class Outcome { kRun, kHelpShown, kVersionShown };

  ConfigParser(std::string program, std::string description);
  ~ConfigParser();
  ConfigParser(const ConfigParser&) = delete;
  ConfigParser& operator=(const ConfigParser&) = delete;

  void AddString(std::string_view name, std::string_view help, std::string* target);
  // Like AddString, but the value is shown nowhere: not in --help, an error or Effective.
  void AddSecret(std::string_view name, std::string_view help, std::string* target);
  // `least` and `most` are inclusive.
  void AddInteger(std::string_view name, std::string_view help, int64_t least, int64_t most,
                  int64_t* target);
  // The text must be one of `choices`.
  void AddChoice(std::string_view name, std::string_view help, std::vector<std::string> choices,
                 std::string* target);
  // Comma list in flags and environment, list or comma text in the file.
  void AddList(std::string_view name, std::string_view help, std::vector<std::string>* target);
  // Any other type: `parse` takes the text, stores the value, and says what is wrong with it.
  void AddCustom(std::string_view name, std::string_view help, std::string_view default_text,
                 std::function<absl::Status(std::string_view)> parse);

  // Reads the command line, the environment and the YAML file that --config, -c or the environment
  // variable CONFIG names. --help and --version print to standard output. `arguments` is argv
  // without the program. An error tells where the value came from ("environment variable
  // METRICS_PORT"), what it was and what is allowed.
  absl::StatusOr<Outcome> Parse(std::span<const char* const> arguments,
                                const std::map<std::string, std::string>& environment);

  // One line a near-miss: environment variables that look like a misspelt option
  // ("AUDIO_PORT is set; did you mean AUDIO_PORTS?"). The environment is shared, so these are
  // warnings, not errors. Valid after Parse.
  const std::vector<std::string>& warnings() const;

  // Name and text of every option after Parse, for the startup log line.
  std::vector<std::pair<std::string, std::string>> Effective() const;

 private:
  class Implementation;
  std::unique_ptr<Implementation> implementation_;
};

// The process's environment as a map.
std::map<std::string, std::string> ProcessEnvironment();

// The one of `candidates` with the smallest edit distance to `text`, or "" when none is near.
// Cases and '-' for '_' do not count.
std::string Nearest(std::string_view text, std::span<const std::string> candidates);

}  // namespace audio_latency

#endif  // COMMON_CONFIG_CONFIG_H_
