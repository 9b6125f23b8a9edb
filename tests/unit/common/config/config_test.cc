#include "common/config/config.h"

#include <fmt/format.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "common/status/status_macros.h"

namespace audio_latency {
namespace {

using Environment = std::map<std::string, std::string>;

// A file that is gone with the test.
class ConfigFile {
 public:
  explicit ConfigFile(const std::string& text)
      : path_((std::filesystem::temp_directory_path() /
               fmt::format("audio-latency-config-{}.yaml", getpid()))
                  .string()) {
    std::ofstream(path_) << text;
  }
  ~ConfigFile() { std::filesystem::remove(path_); }
  ConfigFile(const ConfigFile&) = delete;
  ConfigFile& operator=(const ConfigFile&) = delete;

  const std::string& path() const { return path_; }

 private:
  const std::string path_;
};

struct Options {
  std::string interface = "auto";
  int64_t metrics_port = 9090;
  std::string log_level = "info";
  std::vector<std::string> audio_ports;
  std::string signature_seed;

  ConfigParser parser{"audio-latency-test", "Tests the options."};

  Options() {
    parser.AddString("INTERFACE", "interfaces to watch", &interface);
    parser.AddInteger("METRICS_PORT", "port of /metrics", 0, 65535, &metrics_port);
    parser.AddChoice("LOG_LEVEL", "least level of the lines", {"debug", "info", "warn"},
                     &log_level);
    parser.AddList("AUDIO_PORTS", "ports to look at", &audio_ports);
    parser.AddSecret("SIGNATURE_SEED", "key of the signatures", &signature_seed);
  }

  absl::StatusOr<ConfigParser::Outcome> Parse(std::vector<const char*> arguments,
                                              const Environment& environment = {}) {
    return parser.Parse(arguments, environment);
  }
  std::string Error(std::vector<const char*> arguments, const Environment& environment = {}) {
    const auto outcome = Parse(std::move(arguments), environment);
    return outcome.ok() ? "no error" : Message(outcome.status());
  }
  std::string FileError(const std::string& text) {
    const ConfigFile file(text);
    std::string error = Error({"--config", file.path().c_str()});
    // The file's name differs from run to run.
    if (const size_t at = error.find(file.path()); at != std::string::npos) {
      error.replace(at, file.path().size(), "FILE");
    }
    return error;
  }
};

TEST_CASE("an unknown flag names the nearest") {
  CHECK(Options().Error({"--metric-port", "1"}) ==
        "unknown flag --metric-port; did you mean --metrics-port?; see --help");
  CHECK(Options().Error({"--metrics_port=1"}) ==
        "unknown flag --metrics_port; did you mean --metrics-port?; see --help");
  CHECK(Options().Error({"--frobnicate"}) == "unknown flag --frobnicate; see --help");
  CHECK(Options().Error({"eth0"}) ==
        "'eth0' is not a flag: options are given as --name value; see --help");
}

TEST_CASE("an unknown key of the file names the nearest and the line") {
  CHECK(Options().FileError("log_level: info\nmetric_port: 1\n") ==
        "configuration file FILE:2: unknown key 'metric_port'; did you mean metrics_port?; --help "
        "lists the options");
  CHECK(Options().FileError("METRICS_PORT: 1\n").find("did you mean metrics_port?") !=
        std::string::npos);
  CHECK(Options().FileError("nothing_like_it: 1\n") ==
        "configuration file FILE:1: unknown key 'nothing_like_it'; --help lists the options");
}

TEST_CASE("a misspelt environment variable is a warning") {
  Options options;
  REQUIRE(options
              .Parse({}, {{"AUDIO_PORT", "80"},
                          {"METRICS_PORTS", "1"},
                          {"LOGNAME", "root"},
                          {"HOME", "/root"},
                          {"HOSTNAME", "pod-1"},
                          {"PATH", "/bin"},
                          {"KUBERNETES_PORT", "tcp://10.0.0.1:443"}})
              .ok());
  CHECK(options.parser.warnings() ==
        std::vector<std::string>{
            "environment variable AUDIO_PORT is set; did you mean AUDIO_PORTS?",
            "environment variable METRICS_PORTS is set; did you mean METRICS_PORT?"});
}

TEST_CASE("a bad value tells its source, itself and what is allowed") {
  CHECK(Options().Error({"--metrics-port", "65536"}) ==
        "flag --metrics-port: '65536' is not allowed: use a whole number from 0 to 65535");
  CHECK(Options().Error({"--metrics-port=-1"}) ==
        "flag --metrics-port: '-1' is not allowed: use a whole number from 0 to 65535");
  for (const char* bad : {"", "x", "9090x", "0x10", "1.5", "99999999999999999999"}) {
    CHECK(Options().Error({}, {{"METRICS_PORT", bad}}) ==
          fmt::format("environment variable METRICS_PORT: '{}' is not allowed: use a whole number "
                      "from 0 to 65535",
                      bad));
  }
  CHECK(Options().Error({}, {{"LOG_LEVEL", "inof"}}) ==
        "environment variable LOG_LEVEL: 'inof' is not allowed: use one of debug, info, warn; did "
        "you mean info?");
  CHECK(Options().FileError("metrics_port: many\n") ==
        "configuration file FILE:1: metrics_port: 'many' is not allowed: use a whole number from 0 "
        "to 65535");
  CHECK(Options().Error({"--metrics-port"}) == "flag --metrics-port needs a value: <0 to 65535>");
  CHECK(Options().Error({"-c"}) == "flag -c needs a value: the path of a YAML file");
}

TEST_CASE("a port that a Kubernetes Service set is explained") {
  const std::string error = Options().Error({}, {{"METRICS_PORT", "tcp://10.0.0.1:9090"}});
  CHECK(error.find("enableServiceLinks: false") != std::string::npos);
}

TEST_CASE("a bad file is told, with its line") {
  CHECK(Options().Error({"--config", "/nowhere/config.yaml"}) ==
        "configuration file /nowhere/config.yaml: there is no such file; check --config");
  CHECK(Options().Error({"--config", "/proc/self"}) ==
        "configuration file /proc/self: that is a directory; name a YAML file in it");
  CHECK(Options().Error({"--config", "/dev/null"}) ==
        "configuration file /dev/null: that is no regular file; name a YAML file");
  CHECK(Options().FileError("metrics_port: [1\n").find("configuration file FILE:") == 0);
  CHECK(Options().FileError("- a\n- b\n").find("write one `name: value` a line") !=
        std::string::npos);
  CHECK(Options().FileError("log_level: info\nlog_level: warn\n") ==
        "configuration file FILE:2: key 'log_level' is there twice; remove one");
  CHECK(Options().FileError("metrics_port: {a: 1}\n") ==
        "configuration file FILE:1: metrics_port takes one value");
  CHECK(Options().FileError("audio_ports: [[1]]\n") ==
        "configuration file FILE:1: the parts of audio_ports must be plain values");
  CHECK(Options().FileError("") == "no error");
}

TEST_CASE("an error is one line, whatever the file holds") {
  const std::string error = Options().FileError("\"a\\nb\": 1\n");
  CHECK(error.find("a\\x0ab") != std::string::npos);
  CHECK(error.find('\n') == std::string::npos);
}

TEST_CASE("lists are commas or YAML lists") {
  Options by_flag;
  REQUIRE(by_flag.Parse({"--audio-ports", " 8080, 8081,,9000 "}).ok());
  CHECK(by_flag.audio_ports == std::vector<std::string>{"8080", "8081", "9000"});
  for (const char* text : {"audio_ports: [8080, 8081]\n", "audio_ports: 8080,8081\n"}) {
    const ConfigFile file(text);
    Options by_file;
    REQUIRE(by_file.Parse({"-c", file.path().c_str()}).ok());
    CHECK(by_file.audio_ports == std::vector<std::string>{"8080", "8081"});
  }
  Options empty;
  empty.audio_ports = {"1"};
  REQUIRE(empty.Parse({}, {{"AUDIO_PORTS", ""}}).ok());
  CHECK(empty.audio_ports.empty());
}

TEST_CASE("a secret is shown nowhere") {
  Options options;
  REQUIRE(options.Parse({"--signature-seed", "hush"}).ok());
  CHECK(options.signature_seed == "hush");
  for (const auto& [name, text] : options.parser.Effective()) {
    CHECK(text.find("hush") == std::string::npos);
  }
}

TEST_CASE("what counts in the end can be told") {
  Options options;
  REQUIRE(options.Parse({"--metrics-port", "1"}, {{"INTERFACE", "eth0,veth*"}}).ok());
  CHECK(options.parser.Effective() ==
        std::vector<std::pair<std::string, std::string>>{{"INTERFACE", "eth0,veth*"},
                                                         {"METRICS_PORT", "1"},
                                                         {"LOG_LEVEL", "info"},
                                                         {"AUDIO_PORTS", ""},
                                                         {"SIGNATURE_SEED", ""}});
}

// What `body` writes to standard output.
template <typename Body>
std::string OutputOf(Body body) {
  std::FILE* const file = std::tmpfile();
  REQUIRE(file != nullptr);
  std::fflush(stdout);
  const int kept = dup(STDOUT_FILENO);
  dup2(fileno(file), STDOUT_FILENO);
  body();
  std::fflush(stdout);
  dup2(kept, STDOUT_FILENO);
  close(kept);
  std::string text(static_cast<size_t>(std::ftell(file)), ' ');
  std::rewind(file);
  REQUIRE(std::fread(text.data(), 1, text.size(), file) == text.size());
  std::fclose(file);
  return text;
}

TEST_CASE("help lists flag, environment, file key, range and default") {
  Options options;
  absl::StatusOr<ConfigParser::Outcome> outcome;
  const std::string help = OutputOf([&] { outcome = options.Parse({"--help"}); });
  REQUIRE(outcome.ok());
  CHECK(*outcome == ConfigParser::Outcome::kHelpShown);
  CHECK(help.find("--metrics-port <0 to 65535>\n      port of /metrics\n"
                  "      Environment: METRICS_PORT. File: metrics_port. Default: 9090.\n") !=
        std::string::npos);
  CHECK(help.find("<debug|info|warn>") != std::string::npos);
  CHECK(help.find("Environment: AUDIO_PORTS. File: audio_ports. Default: none.") !=
        std::string::npos);
}

TEST_CASE("the version is shown with the program's name") {
  Options options;
  absl::StatusOr<ConfigParser::Outcome> outcome;
  const std::string version = OutputOf([&] { outcome = options.Parse({"--version"}); });
  REQUIRE(outcome.ok());
  CHECK(*outcome == ConfigParser::Outcome::kVersionShown);
  CHECK(version.find("audio-latency-test ") == 0);
}

TEST_CASE("the process's environment is a map") {
  REQUIRE(setenv("AUDIO_LATENCY_TEST_VARIABLE", "a=b", 1) == 0);
  CHECK(ProcessEnvironment()["AUDIO_LATENCY_TEST_VARIABLE"] == "a=b");
  unsetenv("AUDIO_LATENCY_TEST_VARIABLE");
}

}  // namespace
}  // namespace audio_latency
