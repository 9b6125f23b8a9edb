#include "correlator/cli/replay_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "common/status/status_macros.h"
#include "correlator/replay/capture/valid_utf8.h"

namespace audio_latency::correlator {
namespace {

constexpr int64_t kMillisecondNs = 1'000'000;
constexpr size_t kMaxFiles = 1000;
constexpr const char* kSeedVariable = "SIGNATURE_SEED";

// "name=file", or a file alone. A path may hold '=' behind its first '/'.
CaptureFile FileOf(const std::string& text) {
  const size_t equals = text.find('=');
  const bool is_named = equals != std::string::npos && equals > 0 && text.find('/') >= equals;
  CaptureFile file;
  file.path = is_named ? text.substr(equals + 1) : text;
  file.node = is_named ? ValidUtf8(text.substr(0, equals)) : NodeNameOf(text);
  file.clock_error_ns = std::nullopt;
  return file;
}

absl::Status CheckFiles(const std::vector<std::string>& texts,
                        const std::vector<CaptureFile>& files) {
  if (files.size() > kMaxFiles) {
    return absl::InvalidArgumentError(
        fmt::format("{} files are too many: replay up to {} at once", files.size(), kMaxFiles));
  }
  size_t standard_inputs = 0;
  for (size_t i = 0; i < files.size(); ++i) {
    if (files[i].path.empty() || files[i].node.empty()) {
      return absl::InvalidArgumentError(
          fmt::format("'{}' names no file: write FILE or NAME=FILE", texts[i]));
    }
    standard_inputs += files[i].path == "-";
    const bool is_named = texts[i] != files[i].path;
    for (size_t j = 0; j < i; ++j) {
      const bool other_is_named = texts[j] != files[j].path;
      if (files[j].node == files[i].node && !(is_named && other_is_named)) {
        return absl::InvalidArgumentError(
            fmt::format("{} and {} would both be called '{}': name the nodes, as in {}-1={}",
                        texts[j], texts[i], files[i].node, files[i].node, files[j].path));
      }
    }
  }
  if (standard_inputs > 1) {
    return absl::InvalidArgumentError("standard input can be read once only: write '-' once");
  }
  return absl::OkStatus();
}

// "NAME=SECONDS" to all files of the node; `limit` is the largest time.
struct Limit {
  int64_t ns;
  const char* name;
};

template <typename Time>
absl::Status SetTimes(const char* option, const std::vector<std::string>& texts,
                      bool may_be_negative, const Limit& limit, Time CaptureFile::*member,
                      std::vector<CaptureFile>* files) {
  std::set<std::string> given;
  for (const std::string& text : texts) {
    const size_t equals = text.rfind('=');
    const std::optional<int64_t> time_ns =
        equals == std::string::npos ? std::nullopt
                                    : ParseSeconds(std::string_view(text).substr(equals + 1));
    if (!time_ns.has_value() || (!may_be_negative && *time_ns < 0)) {
      return absl::InvalidArgumentError(
          fmt::format("{} '{}': write NAME=SECONDS, as in node-b={}0.0125 (or 12.5ms, 800us, 30ns)",
                      option, text, may_be_negative ? "-" : ""));
    }
    if (*time_ns > limit.ns || *time_ns < -limit.ns) {
      return absl::InvalidArgumentError(
          fmt::format("{} '{}': give no more than {}", option, text, limit.name));
    }
    const std::string name = ValidUtf8(text.substr(0, equals));
    if (!given.insert(name).second) {
      return absl::InvalidArgumentError(
          fmt::format("{} '{}': {} is given twice; give each name once", option, text, name));
    }
    size_t found = 0;
    std::string known;
    for (CaptureFile& file : *files) {
      if (file.node == name) {
        file.*member = *time_ns;
        ++found;
      }
      if (known.find(file.node) == std::string::npos) {
        known += (known.empty() ? "" : ", ") + file.node;
      }
    }
    if (found == 0) {
      return absl::InvalidArgumentError(fmt::format(
          "{} '{}': no capture is called '{}'; there are {}", option, text, name, known));
    }
  }
  return absl::OkStatus();
}

// One node alone has nobody to differ from, and the only one without an error of its own is what
// the others' errors are against.
void SetKnownErrors(bool one_clock, std::vector<CaptureFile>* files) {
  std::set<std::string> unknown;
  for (const CaptureFile& file : *files) {
    if (!file.clock_error_ns.has_value()) {
      unknown.insert(file.node);
    }
  }
  if (!one_clock && unknown.size() > 1) {
    return;
  }
  for (CaptureFile& file : *files) {
    file.clock_error_ns = file.clock_error_ns.value_or(0);
  }
}

absl::StatusOr<PortSet> Ports(const char* option, const std::string& text) {
  absl::StatusOr<PortSet> ports = PortSet::Parse(text);
  if (!ports.ok()) {
    return absl::InvalidArgumentError(fmt::format("{}: {}", option, Message(ports.status())));
  }
  return ports;
}

}  // namespace

std::optional<int64_t> ParseSeconds(std::string_view text) {
  struct Unit {
    std::string_view name;
    int64_t ns;
  };
  constexpr std::array<Unit, 4> kUnits = {
      {{"ns", 1}, {"us", 1000}, {"ms", kMillisecondNs}, {"s", 1'000'000'000}}};
  int64_t unit_ns = 1'000'000'000;
  for (const Unit& unit : kUnits) {
    if (text.ends_with(unit.name)) {
      text.remove_suffix(unit.name.size());
      unit_ns = unit.ns;
      break;
    }
  }
  const bool is_negative = text.starts_with('-');
  if (is_negative || text.starts_with('+')) {
    text.remove_prefix(1);
  }
  // Digits, at most as many as cannot overflow below.
  constexpr size_t kMaxDigits = 9;
  const size_t point = text.find('.');
  const std::string_view whole_text = text.substr(0, point);
  const std::string_view part_text = point == std::string_view::npos ? "" : text.substr(point + 1);
  const auto is_number = [](std::string_view digits) {
    return std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; });
  };
  constexpr size_t kMaxWholeDigits = 18;
  if (whole_text.size() + part_text.size() == 0 || part_text.size() > kMaxDigits ||
      whole_text.size() > kMaxWholeDigits || !is_number(whole_text) || !is_number(part_text)) {
    return std::nullopt;
  }
  int64_t whole = 0;
  for (const char c : whole_text) {
    whole = whole * 10 + (c - '0');
  }
  if (whole > INT64_MAX / 2 / unit_ns) {
    return std::nullopt;
  }
  int64_t ns = whole * unit_ns;
  int64_t place_ns = unit_ns;
  for (const char c : part_text) {
    place_ns /= 10;
    ns += (c - '0') * place_ns;
  }
  return is_negative ? -ns : ns;
}

void ReplayCommandParser::AddOptions(CLI::App* app) {
  const ReplayOptions defaults;
  command_.options = defaults;
  app->add_option("files", files_,
                  "Captures, FILE or NAME=FILE: pcap or pcapng, gzip or not; - is standard input. "
                  "The name (else the file's) is the node's; files of one name share a clock")
      ->required();
  app->add_option(
         "--clock-offset", clock_offsets_,
         "NAME=SECONDS (or 12.5ms, 800us, 30ns) to add to that capture's times; without it "
         "all captures are taken as of one clock")
      // One value each time: what stands behind it are files.
      ->allow_extra_args(false);
  app->add_option("--clock-error", clock_errors_,
                  "NAME=SECONDS: how far off that capture's times may be then; makes the error "
                  "bar. One node "
                  "may go without: the others' errors are against its clock")
      ->allow_extra_args(false);
  app->add_flag("--one-clock", command_.one_clock,
                "All captures' times are of one clock, as of one machine; without this and without "
                "--clock-error, delays between nodes have no error bar ('?')");
  app->add_option("--endpoints", command_.endpoints_file, "YAML file that names addresses");
  app->add_option("--signature-algorithm", command_.options.signature.algorithm,
                  "xxhash, crc32 or rolling_hash")
      ->capture_default_str();
  app->add_option("--signature-window-size", command_.options.signature.window_size_bytes,
                  "Bytes in a signature")
      ->capture_default_str();
  app->add_option("--signature-rate", command_.options.signature.rate_bytes,
                  "Bytes of audio per signature, a power of two")
      ->capture_default_str();
  app->add_option("--seed,--signature-seed", seed_,
                  fmt::format("The cluster's secret (environment: {})", kSeedVariable));
  constexpr uint32_t kMostLoud = 32'767;
  app->add_option("--silence-threshold", command_.options.silence_threshold,
                  "Root mean square (16-bit) below which audio is silence")
      ->check(CLI::Range(0u, kMostLoud))
      ->capture_default_str();
  app->add_option("--audio-ports", audio_ports_, "Only these ports, as 8080,10000-20000");
  app->add_flag("--detect-audio", command_.options.detect_cadence,
                "Only what has the cadence of audio, as a probe without AUDIO_PORTS");
  app->add_option("--exclude-ports", excluded_ports_, "Not these ports");
  constexpr int64_t kLeastWindowMs = 100;
  constexpr int64_t kMostWindowMs = 60'000;
  app->add_option("--match-window", match_window_ms_,
                  "Milliseconds: longest delay between two sights of one piece of audio")
      ->check(CLI::Range(kLeastWindowMs, kMostWindowMs))
      ->capture_default_str();
  app->add_flag("--paths", command_.paths, "Show the paths (with --hops: the default)");
  app->add_flag("--hops", command_.hops, "Show the hops");
  app->add_flag("--matches", command_.matches, "Show every match, in order");
  app->add_flag("--events", command_.events,
                "Show every signature event, in order, as a line of JSON");
  app->add_flag("--progress", command_.progress,
                "Tell progress on standard error, even where that is no terminal");
}

absl::StatusOr<ReplayCommand> ReplayCommandParser::Finish(
    const std::map<std::string, std::string>& environment) const {
  ReplayCommand command = command_;
  if ((command.matches && command.events) ||
      ((command.matches || command.events) && (command.paths || command.hops))) {
    return absl::InvalidArgumentError(
        "--matches and --events are shown alone: give one of them, or --paths and --hops");
  }
  if (!audio_ports_.empty() && command.options.detect_cadence) {
    return absl::InvalidArgumentError(
        "--audio-ports says where the audio is and --detect-audio looks for it: give one of them");
  }
  for (const std::string& text : files_) {
    command.files.push_back(FileOf(text));
  }
  RETURN_IF_ERROR(CheckFiles(files_, command.files));
  constexpr Limit kOffsetLimit = {kMaxClockOffsetNs, "100 years"};
  // Far more than matching could make anything of.
  constexpr Limit kErrorLimit = {int64_t{3'600'000} * kMillisecondNs, "an hour"};
  RETURN_IF_ERROR(SetTimes("--clock-offset", clock_offsets_, true, kOffsetLimit,
                           &CaptureFile::clock_offset_ns, &command.files));
  RETURN_IF_ERROR(SetTimes("--clock-error", clock_errors_, false, kErrorLimit,
                           &CaptureFile::clock_error_ns, &command.files));
  SetKnownErrors(command.one_clock, &command.files);
  ASSIGN_OR_RETURN(command.options.audio_ports, Ports("--audio-ports", audio_ports_));
  ASSIGN_OR_RETURN(command.options.excluded_ports, Ports("--exclude-ports", excluded_ports_));
  if (const std::optional<uint16_t> both =
          command.options.audio_ports.FirstInCommon(command.options.excluded_ports)) {
    return absl::InvalidArgumentError(fmt::format(
        "port {} is both in --audio-ports and in --exclude-ports: take it out of one of them",
        *both));
  }
  DecisionOptions& decision = command.options.matcher.decision;
  decision.window_ns = match_window_ms_ * kMillisecondNs;
  decision.link.memory_ns = std::max(decision.link.memory_ns, decision.window_ns);
  // Where clocks are known to be worse than what matching allows for, it must allow for that.
  for (const CaptureFile& file : command.files) {
    decision.clock_slack_ns =
        std::max(decision.clock_slack_ns, 2 * file.clock_error_ns.value_or(0));
  }
  if (seed_.has_value()) {
    command.options.signature.seed_text = *seed_;
  } else if (const auto seed = environment.find(kSeedVariable); seed != environment.end()) {
    command.options.signature.seed_text = seed->second;
  }
  if (!command.paths && !command.hops && !command.matches && !command.events) {
    command.paths = true;
    command.hops = true;
  }
  return command;
}

}  // namespace audio_latency::correlator
