#include "correlator/cli/command_line.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <sstream>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "common/address/host_port.h"
#include "common/config/config.h"
#include "common/config/text.h"
#include "common/status/status_macros.h"
#include "common/version/version.h"
#include "correlator/query/query_limits.h"

namespace audio_latency::correlator {
namespace {

using Verb = CommandLine::Verb;

constexpr const char* kServerVariable = "AUDIO_LATENCY_SERVER";
constexpr const char* kCaVariable = "AUDIO_LATENCY_CA_FILE";
constexpr const char* kCertificateVariable = "AUDIO_LATENCY_CERT_FILE";
constexpr const char* kKeyVariable = "AUDIO_LATENCY_KEY_FILE";
constexpr const char* kServerNameVariable = "AUDIO_LATENCY_SERVER_NAME";
constexpr const char* kTokenVariable = "AUDIO_LATENCY_TOKEN_FILE";
constexpr const char* kPlainTextVariable = "AUDIO_LATENCY_PLAIN_TEXT";
constexpr const char* kCommands = "say what to show: paths, hops, nodes, watch, trace or replay";
constexpr const char* kSeeHelp = "see audio-latency --help";

std::string CheckWindow(const std::string& text) {
  uint32_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error == std::errc() && end == text.data() + text.size() && IsWindow(seconds)) {
    return "";
  }
  return fmt::format("use {} to {} seconds, or 0 for all since the correlator's start",
                     kLeastWindowSeconds, kMostWindowSeconds);
}

absl::Status CheckServer(const std::string& server) {
  return ParseHostPort(server).has_value()
             ? absl::OkStatus()
             : absl::InvalidArgumentError(fmt::format(
                   "'{}' is not a server: write HOST:PORT, as localhost:9095, in --server or {}",
                   server, kServerVariable));
}

// How the connection to a server that CheckServer took is made must be told in full: no silent
// plain text.
absl::Status CheckSecurity(const CommandLine& command) {
  const TlsFiles& tls = command.tls;
  if (command.plain_text && !tls.empty()) {
    return absl::InvalidArgumentError(
        "--plain-text goes without --ca, --cert and --key (and their variables)");
  }
  if (tls.certificate.empty() != tls.key.empty()) {
    return absl::InvalidArgumentError("--cert and --key belong together: give both");
  }
  if (!tls.empty() && tls.authorities.empty()) {
    return absl::InvalidArgumentError(
        "--cert and --key need --ca too: the file of who signed the correlator's certificate");
  }
  if (tls.empty() && !command.plain_text && !IsLoopbackHost(ParseHostPort(command.server)->host)) {
    return absl::InvalidArgumentError(fmt::format(
        "{} is not on this machine: give --ca (and --cert and --key, or --token-file), or "
        "--plain-text if the correlator has TLS=off",
        command.server));
  }
  return absl::OkStatus();
}

// The program's commands and options, as CLI11 takes them.
class Parser {
 public:
  explicit Parser(CommandLine* result) : result_(result) {
    app_.require_subcommand(1);
    app_.fallthrough();
    app_.set_version_flag("--version", fmt::format("audio-latency {}", Version()));
    app_.add_option("--server", result_->server,
                    fmt::format("Correlator to ask, HOST:PORT (environment: {})", kServerVariable))
        ->capture_default_str();
    AddSecurity();
    app_.add_option("-o,--output", output_, "table, or json for scripts")
        ->check(CLI::IsMember({"table", "json"}))
        ->capture_default_str();
    AddPaths();
    AddHops();
    Verbs("nodes", "The probes: their clocks, what they sent and lost", Verb::kNodes);
    AddWatch();
    AddTrace();
    AddReplay();
    app_.footer(
        "Examples:\n"
        "  audio-latency paths                       which ways the audio takes, and how long\n"
        "  audio-latency hops --through egress       the hops of one workload or pod\n"
        "  audio-latency watch --window 10           a live table of the last 10 seconds\n"
        "  audio-latency trace --path 'a > b > c'    where the newest piece of audio was, when\n"
        "  audio-latency paths -o json               for scripts\n"
        "  audio-latency replay a.pcap b.pcapng.gz   the same from captures, without a "
        "correlator\n");
  }

  absl::Status Parse(std::span<const char* const> arguments,
                     const std::map<std::string, std::string>& environment) {
    // CLI11 takes them last first.
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
    try {
      app_.parse(std::move(reversed));
    } catch (const CLI::ParseError& error) {
      if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) {
        std::ostringstream shown;
        app_.exit(error, shown, shown);
        result_->verb = Verb::kShowText;
        result_->text = shown.str();
        return absl::OkStatus();
      }
      return absl::InvalidArgumentError(Explain(error, arguments));
    }
    result_->as_json = output_ == "json";
    if (result_->follow && !(result_->signature.empty() && result_->path.empty())) {
      return absl::InvalidArgumentError(
          "trace --follow shows every match: leave out the signature and --path");
    }
    if (!result_->signature.empty() && !result_->path.empty()) {
      return absl::InvalidArgumentError(
          "trace takes a signature or --path, not both: a signature alone says which audio");
    }
    if (result_->answers != 0 && result_->verb == Verb::kTrace && !result_->follow) {
      return absl::InvalidArgumentError(
          "trace --count needs --follow: without it one answer is all there is");
    }
    if (result_->verb == Verb::kReplay) {
      ASSIGN_OR_RETURN(result_->replay, replay_.Finish(environment));
      return absl::OkStatus();
    }
    RETURN_IF_ERROR(CheckServer(result_->server));
    return CheckSecurity(*result_);
  }

 private:
  CLI::App* Verbs(const std::string& name, const std::string& description, Verb verb) {
    CLI::App* const command = app_.add_subcommand(name, description);
    command->callback([this, verb] { result_->verb = verb; });
    return command;
  }

  void AddSecurity() {
    const auto add = [this](const std::string& flag, std::string* target, const std::string& help,
                            const std::string& variable) {
      app_.add_option(flag, *target, fmt::format("{} (environment: {})", help, variable));
    };
    add("--ca", &result_->tls.authorities, "PEM file of who signed the correlator's certificate",
        kCaVariable);
    add("--cert", &result_->tls.certificate, "PEM file of our certificate", kCertificateVariable);
    add("--key", &result_->tls.key, "PEM file of its private key", kKeyVariable);
    add("--server-name", &result_->server_name,
        "Name in the correlator's certificate, where it is not the host of --server",
        kServerNameVariable);
    add("--token-file", &result_->token_file, "File whose first token opens the correlator",
        kTokenVariable);
    app_.add_flag("--plain-text", result_->plain_text,
                  fmt::format("Without TLS also to other machines (environment: {}=true)",
                              kPlainTextVariable));
  }

  void AddFilters(CLI::App* command) {
    command
        ->add_option("--window", result_->window_seconds,
                     "Only the last 10 to 60 seconds, to which up to 10 more may come; 0: all")
        ->check(CheckWindow)
        ->capture_default_str();
    command->add_option("--through", result_->through,
                        "Only what goes through this pod or workload");
  }

  void AddPaths() {
    AddFilters(
        Verbs("paths", "The ways that audio takes, and the delay of each hop", Verb::kPaths));
  }

  void AddHops() {
    AddFilters(Verbs("hops", "The hops between pods and inside pods", Verb::kHops));
  }

  void AddWatch() {
    CLI::App* const watch = Verbs("watch", "The paths again and again, until Ctrl-C", Verb::kWatch);
    AddFilters(watch);
    watch->add_option("--interval", result_->interval_ms, "Milliseconds between answers")
        ->check(CLI::Range(kLeastIntervalMs, kMostIntervalMs))
        ->capture_default_str();
    watch->add_option("--count", result_->answers, "End after so many answers; 0: never")
        ->capture_default_str();
  }

  void AddTrace() {
    CLI::App* const trace =
        Verbs("trace", "Where and when one piece of audio was seen; the newest without a signature",
              Verb::kTrace);
    trace->add_option("signature", result_->signature, "Up to 16 hexadecimal digits");
    trace->add_option("--path", result_->path, "The newest piece of this path, 'a > b > c'");
    trace->add_flag("--follow", result_->follow, "Every match as it is decided, until Ctrl-C");
    trace->add_option("--count", result_->answers, "With --follow: end after so many matches")
        ->capture_default_str();
  }

  void AddReplay() {
    replay_.AddOptions(Verbs("replay",
                             "The answers from capture files, without correlator, root or kernel",
                             Verb::kReplay));
  }

  std::string Explain(const CLI::ParseError& error, std::span<const char* const> arguments) const {
    const bool is_unknown = error.get_exit_code() == static_cast<int>(CLI::ExitCodes::ExtrasError);
    const bool no_command = app_.get_subcommands().empty();
    if (app_.got_subcommand("replay") && !is_unknown &&
        error.get_exit_code() == static_cast<int>(CLI::ExitCodes::RequiredError)) {
      // What is no option was left over before the files were missed.
      if (const std::vector<std::string> rest = app_.remaining(true); !rest.empty()) {
        return fmt::format("'{}' is not known here; {}", rest.front(), kSeeHelp);
      }
      return fmt::format("replay needs capture files, FILE or NAME=FILE; {}", kSeeHelp);
    }
    if (is_unknown || no_command) {
      const std::vector<std::string> known = Known();
      // NAME=FILE of a replay may look like a command; only what begins with a dash is none.
      const bool names_files = app_.got_subcommand("replay");
      for (const char* argument : arguments) {
        if (names_files && *argument != '-') {
          continue;
        }
        const std::string text(
            std::string_view(argument).substr(0, std::string_view(argument).find('=')));
        if (std::find(known.begin(), known.end(), text) != known.end()) {
          continue;
        }
        if (const std::string nearest = Nearest(text, known); !nearest.empty()) {
          return fmt::format("'{}' is not known here; did you mean {}? {}", text, nearest,
                             kSeeHelp);
        }
      }
    }
    if (no_command) {
      const std::vector<std::string> rest = app_.remaining();
      return rest.empty()
                 ? fmt::format("{}; {}", kCommands, kSeeHelp)
                 : fmt::format("'{}' is not known here; {}; {}", rest.front(), kCommands, kSeeHelp);
    }
    return fmt::format("{}; {}", OneLine(error.what()), kSeeHelp);
  }

  // The names of all commands and options.
  std::vector<std::string> Known() const {
    std::vector<std::string> names;
    const auto add_options = [&names](const CLI::App& app) {
      for (const CLI::Option* const option : app.get_options()) {
        for (const std::string& name : option->get_lnames()) {
          names.push_back("--" + name);
        }
      }
    };
    add_options(app_);
    for (const CLI::App* const command : app_.get_subcommands({})) {
      names.push_back(command->get_name());
      add_options(*command);
    }
    return names;
  }

  CommandLine* const result_;
  ReplayCommandParser replay_;
  std::string output_ = "table";
  CLI::App app_{
      "Tells how long audio takes between and inside pods, as the correlator or captures saw it.",
      "audio-latency"};
};

}  // namespace

absl::StatusOr<CommandLine> ParseCommandLine(
    std::span<const char* const> arguments, const std::map<std::string, std::string>& environment) {
  CommandLine result;
  std::string plain_text;
  const std::pair<const char*, std::string*> variables[] = {
      {kServerVariable, &result.server},
      {kCaVariable, &result.tls.authorities},
      {kCertificateVariable, &result.tls.certificate},
      {kKeyVariable, &result.tls.key},
      {kServerNameVariable, &result.server_name},
      {kTokenVariable, &result.token_file},
      {kPlainTextVariable, &plain_text}};
  for (const auto& [name, target] : variables) {
    if (const auto found = environment.find(name);
        found != environment.end() && !found->second.empty()) {
      *target = found->second;
    }
  }
  if (!plain_text.empty() && plain_text != "true" && plain_text != "false") {
    return absl::InvalidArgumentError(
        fmt::format("{} is '{}': write true or false", kPlainTextVariable, plain_text));
  }
  result.plain_text = plain_text == "true";
  RETURN_IF_ERROR(Parser(&result).Parse(arguments, environment));
  return result;
}

}  // namespace audio_latency::correlator
