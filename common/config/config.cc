#include "common/config/config.h"

#include <fmt/format.h>
#include <unistd.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <set>

#include "common/config/edit_distance.h"
#include "common/config/option.h"
#include "common/config/text.h"
#include "common/status/status_macros.h"
#include "common/version/version.h"

namespace audio_latency {
namespace {

using config_internal::Option;

constexpr std::string_view kConfigVariable = "CONFIG";

// A value that one of the sources gave, and the source's name for errors.
struct Given {
  std::string source;
  std::string text;
};

std::string Suggestion(std::string_view text, const std::vector<std::string>& candidates) {
  const std::string nearest = Nearest(text, candidates);
  return nearest.empty() ? "" : fmt::format("; did you mean {}?", nearest);
}

// Kubernetes puts variables like METRICS_PORT=tcp://10.0.0.1:9090 into every pod of a namespace
// that has a Service of the name "metrics".
std::string_view ServiceLinkHint(std::string_view text) {
  return text.starts_with("tcp://") || text.starts_with("udp://")
             ? " (a Kubernetes Service of that name set this: put enableServiceLinks: false into "
               "the pod, or give the flag)"
             : "";
}

absl::Status CheckIsFile(const std::string& path) {
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(path, error);
  switch (status.type()) {
    case std::filesystem::file_type::regular:
      return absl::OkStatus();
    case std::filesystem::file_type::not_found:
      return absl::NotFoundError(
          fmt::format("configuration file {}: there is no such file; check --config", path));
    case std::filesystem::file_type::none:
      return absl::PermissionDeniedError(fmt::format(
          "configuration file {}: {}; check the path and its permissions", path, error.message()));
    case std::filesystem::file_type::directory:
      return absl::InvalidArgumentError(
          fmt::format("configuration file {}: that is a directory; name a YAML file in it", path));
    default:
      return absl::InvalidArgumentError(
          fmt::format("configuration file {}: that is no regular file; name a YAML file", path));
  }
}

absl::StatusOr<YAML::Node> LoadYaml(const std::string& path) {
  RETURN_IF_ERROR(CheckIsFile(path));
  try {
    return YAML::LoadFile(path);
  } catch (const YAML::ParserException& error) {
    return absl::InvalidArgumentError(
        fmt::format("configuration file {}:{}: {}", path, error.mark.line + 1, error.msg));
  } catch (const YAML::Exception& error) {
    return absl::PermissionDeniedError(
        fmt::format("configuration file {}: it cannot be read; check its permissions", path));
  }
}

}  // namespace

class ConfigParser::Implementation {
 public:
  Implementation(std::string program, std::string description)
      : program_(std::move(program)), description_(std::move(description)) {}

  void Add(Option option) { options_.push_back(std::move(option)); }

  absl::StatusOr<Outcome> Parse(std::span<const char* const> arguments,
                                const std::map<std::string, std::string>& environment) {
    std::map<const Option*, Given> given;
    std::optional<Given> config_path;
    if (const auto variable = environment.find(std::string(kConfigVariable));
        variable != environment.end() && !variable->second.empty()) {
      config_path = Given{"environment variable CONFIG", variable->second};
    }
    ASSIGN_OR_RETURN(const Outcome outcome, ReadFlags(arguments, &given, &config_path));
    if (outcome != Outcome::kRun) {
      return outcome;
    }
    // Whatever is there already comes from a source of higher precedence.
    ReadEnvironment(environment, &given);
    if (config_path.has_value()) {
      RETURN_IF_ERROR(ReadFile(config_path->text, &given));
    }
    for (Option& option : options_) {
      if (const auto found = given.find(&option); found != given.end()) {
        RETURN_IF_ERROR(Take(found->second, &option));
      }
    }
    return Outcome::kRun;
  }

  const std::vector<std::string>& warnings() const { return warnings_; }

  std::vector<std::pair<std::string, std::string>> Effective() const {
    std::vector<std::pair<std::string, std::string>> effective;
    effective.reserve(options_.size());
    for (const Option& option : options_) {
      effective.emplace_back(option.name, option.Shown(option.text));
    }
    return effective;
  }

 private:
  absl::StatusOr<Outcome> ReadFlags(std::span<const char* const> arguments,
                                    std::map<const Option*, Given>* given,
                                    std::optional<Given>* config_path) {
    for (size_t i = 0; i < arguments.size(); ++i) {
      const std::string_view argument = arguments[i];
      if (argument == "--help" || argument == "-h") {
        std::fputs(Help().c_str(), stdout);
        return Outcome::kHelpShown;
      }
      if (argument == "--version") {
        std::fputs(fmt::format("{} {}\n", program_, Version()).c_str(), stdout);
        return Outcome::kVersionShown;
      }
      if (!argument.starts_with('-')) {
        return absl::InvalidArgumentError(fmt::format(
            "'{}' is not a flag: options are given as --name value; see --help", argument));
      }
      const size_t equals = argument.find('=');
      const std::string name(argument.substr(0, equals));
      const bool is_config = name == "--config" || name == "-c";
      const Option* option = is_config ? nullptr : FindFlag(name);
      if (option == nullptr && !is_config) {
        return absl::InvalidArgumentError(
            fmt::format("unknown flag {}{}; see --help", name, Suggestion(name, FlagNames())));
      }
      std::string value;
      if (equals != std::string_view::npos) {
        value = argument.substr(equals + 1);
      } else if (i + 1 < arguments.size()) {
        value = arguments[++i];
      } else {
        return absl::InvalidArgumentError(
            fmt::format("flag {} needs a value: {}", name,
                        is_config ? "the path of a YAML file" : option->value_hint));
      }
      if (is_config) {
        *config_path = Given{"flag " + name, value};
      } else {
        given->insert_or_assign(option, Given{"flag " + name, value});
      }
    }
    return Outcome::kRun;
  }

  void ReadEnvironment(const std::map<std::string, std::string>& environment,
                       std::map<const Option*, Given>* given) {
    const std::vector<std::string> names = Names();
    for (const auto& [name, text] : environment) {
      const auto option = std::find_if(options_.begin(), options_.end(),
                                       [&name = name](const Option& o) { return o.name == name; });
      if (option != options_.end()) {
        given->try_emplace(&*option, Given{"environment variable " + name, text});
      } else if (const std::string nearest = Nearest(name, names);
                 name != kConfigVariable && IsMisspelling(name, nearest)) {
        warnings_.push_back(
            fmt::format("environment variable {} is set; did you mean {}?", name, nearest));
      }
    }
  }

  // The environment is full of other programs' variables: only a letter or two off a long name is
  // taken for a mistake.
  static bool IsMisspelling(std::string_view name, std::string_view nearest) {
    constexpr size_t kLongName = 8;
    constexpr size_t kMostErrors = 2;
    return nearest.size() >= kLongName &&
           config_internal::EditDistance(name, nearest) <= kMostErrors;
  }

  absl::Status ReadFile(const std::string& path, std::map<const Option*, Given>* given) {
    ASSIGN_OR_RETURN(const YAML::Node root, LoadYaml(path));
    if (root.IsNull()) {
      return absl::OkStatus();  // an empty file sets nothing
    }
    if (!root.IsMap()) {
      return absl::InvalidArgumentError(fmt::format(
          "configuration file {}: write one `name: value` a line, as `metrics_port: 9090`", path));
    }
    std::set<std::string> seen;
    for (const auto& entry : root) {
      const std::string where = fmt::format("{}:{}", path, entry.first.Mark().line + 1);
      const std::string key = entry.first.IsScalar() ? entry.first.Scalar() : "";
      const Option* option = FindFileKey(key);
      if (option == nullptr) {
        return absl::InvalidArgumentError(
            fmt::format("configuration file {}: unknown key '{}'{}; --help lists the options",
                        where, key, Suggestion(key, FileKeys())));
      }
      if (!seen.insert(key).second) {
        return absl::InvalidArgumentError(
            fmt::format("configuration file {}: key '{}' is there twice; remove one", where, key));
      }
      ASSIGN_OR_RETURN(std::string text, FileText(where, *option, entry.second));
      given->try_emplace(
          option, Given{fmt::format("configuration file {}: {}", where, key), std::move(text)});
    }
    return absl::OkStatus();
  }

  static absl::StatusOr<std::string> FileText(const std::string& where, const Option& option,
                                              const YAML::Node& value) {
    if (value.IsNull()) {
      return std::string();
    }
    if (value.IsScalar()) {
      return value.Scalar();
    }
    if (option.is_list && value.IsSequence()) {
      std::vector<std::string> parts;
      for (const YAML::Node& part : value) {
        if (!part.IsScalar()) {
          return absl::InvalidArgumentError(
              fmt::format("configuration file {}: the parts of {} must be plain values", where,
                          option.FileKey()));
        }
        parts.push_back(part.Scalar());
      }
      return config_internal::JoinList(parts);
    }
    return absl::InvalidArgumentError(fmt::format("configuration file {}: {} takes {}", where,
                                                  option.FileKey(),
                                                  option.is_list ? "a list" : "one value"));
  }

  static absl::Status Take(const Given& given, Option* option) {
    if (const absl::Status status = option->parse(given.text); !status.ok()) {
      return absl::InvalidArgumentError(fmt::format("{}: '{}' is not allowed: {}{}", given.source,
                                                    option->Shown(given.text), Message(status),
                                                    ServiceLinkHint(given.text)));
    }
    option->text = given.text;
    return absl::OkStatus();
  }

  const Option* FindFlag(std::string_view flag) const {
    const auto found = std::find_if(options_.begin(), options_.end(),
                                    [flag](const Option& o) { return o.Flag() == flag; });
    return found == options_.end() ? nullptr : &*found;
  }

  const Option* FindFileKey(std::string_view key) const {
    const auto found = std::find_if(options_.begin(), options_.end(),
                                    [key](const Option& o) { return o.FileKey() == key; });
    return found == options_.end() ? nullptr : &*found;
  }

  std::vector<std::string> FlagNames() const {
    std::vector<std::string> names = {"--config", "--help", "--version"};
    for (const Option& option : options_) {
      names.push_back(option.Flag());
    }
    return names;
  }

  std::vector<std::string> FileKeys() const {
    std::vector<std::string> keys;
    for (const Option& option : options_) {
      keys.push_back(option.FileKey());
    }
    return keys;
  }

  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const Option& option : options_) {
      names.push_back(option.name);
    }
    return names;
  }

  std::string Help() const {
    std::string help = fmt::format(
        "{}\n\nUsage: {} [--name value]...\n\n"
        "Each option is a flag, an environment variable and a key of the YAML file; the first of\n"
        "these that is given counts.\n\n"
        "  --config, -c <path>\n      YAML file to read.\n"
        "      Environment: CONFIG. Default: none.\n",
        description_, program_);
    for (const Option& option : options_) {
      help +=
          fmt::format("  {} {}\n      {}\n      Environment: {}. File: {}. Default: {}.\n",
                      option.Flag(), option.value_hint, option.help, option.name, option.FileKey(),
                      option.text.empty() ? "none" : option.Shown(option.text));
    }
    help += "  --help, -h\n      Show this.\n  --version\n      Show the version.\n";
    return help;
  }

  const std::string program_;
  const std::string description_;
  std::vector<Option> options_;
  std::vector<std::string> warnings_;
};

ConfigParser::ConfigParser(std::string program, std::string description)
    : implementation_(
          std::make_unique<Implementation>(std::move(program), std::move(description))) {}

ConfigParser::~ConfigParser() = default;

void ConfigParser::AddString(std::string_view name, std::string_view help, std::string* target) {
  implementation_->Add({.name = std::string(name),
                        .help = std::string(help),
                        .value_hint = "<text>",
                        .text = *target,
                        .parse = [target](std::string_view text) {
                          *target = text;
                          return absl::OkStatus();
                        }});
}

void ConfigParser::AddSecret(std::string_view name, std::string_view help, std::string* target) {
  implementation_->Add({.name = std::string(name),
                        .help = std::string(help),
                        .value_hint = "<text>",
                        .text = *target,
                        .is_secret = true,
                        .parse = [target](std::string_view text) {
                          *target = text;
                          return absl::OkStatus();
                        }});
}

void ConfigParser::AddInteger(std::string_view name, std::string_view help, int64_t least,
                              int64_t most, int64_t* target) {
  implementation_->Add({.name = std::string(name),
                        .help = std::string(help),
                        .value_hint = fmt::format("<{} to {}>", least, most),
                        .text = fmt::format("{}", *target),
                        .parse = [least, most, target](std::string_view text) {
                          ASSIGN_OR_RETURN(*target,
                                           config_internal::ParseInteger(text, least, most));
                          return absl::OkStatus();
                        }});
}

void ConfigParser::AddChoice(std::string_view name, std::string_view help,
                             std::vector<std::string> choices, std::string* target) {
  implementation_->Add(
      {.name = std::string(name),
       .help = std::string(help),
       .value_hint = fmt::format("<{}>", fmt::join(choices, "|")),
       .text = *target,
       .parse = [choices, target](std::string_view text) -> absl::Status {
         if (std::find(choices.begin(), choices.end(), text) == choices.end()) {
           return absl::InvalidArgumentError(
               fmt::format("use one of {}{}", fmt::join(choices, ", "), Suggestion(text, choices)));
         }
         *target = text;
         return absl::OkStatus();
       }});
}

void ConfigParser::AddList(std::string_view name, std::string_view help,
                           std::vector<std::string>* target) {
  implementation_->Add({.name = std::string(name),
                        .help = std::string(help),
                        .value_hint = "<a,b,...>",
                        .text = config_internal::JoinList(*target),
                        .is_list = true,
                        .parse = [target](std::string_view text) {
                          const std::vector<std::string_view> items = SplitList(text);
                          target->assign(items.begin(), items.end());
                          return absl::OkStatus();
                        }});
}

void ConfigParser::AddCustom(std::string_view name, std::string_view help,
                             std::string_view default_text,
                             std::function<absl::Status(std::string_view)> parse) {
  implementation_->Add({.name = std::string(name),
                        .help = std::string(help),
                        .value_hint = "<value>",
                        .text = std::string(default_text),
                        .parse = std::move(parse)});
}

absl::StatusOr<ConfigParser::Outcome> ConfigParser::Parse(
    std::span<const char* const> arguments, const std::map<std::string, std::string>& environment) {
  absl::StatusOr<Outcome> outcome = implementation_->Parse(arguments, environment);
  if (!outcome.ok()) {
    return absl::Status(outcome.status().code(), OneLine(Message(outcome.status())));
  }
  return outcome;
}

const std::vector<std::string>& ConfigParser::warnings() const {
  return implementation_->warnings();
}

std::vector<std::pair<std::string, std::string>> ConfigParser::Effective() const {
  return implementation_->Effective();
}

std::map<std::string, std::string> ProcessEnvironment() {
  std::map<std::string, std::string> variables;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    if (const size_t equals = text.find('='); equals != std::string_view::npos) {
      variables.insert_or_assign(std::string(text.substr(0, equals)),
                                 std::string(text.substr(equals + 1)));
    }
  }
  return variables;
}

}  // namespace audio_latency
