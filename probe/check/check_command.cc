#include "probe/check/check_command.h"

#include <bpf/libbpf.h>

#include <cstdio>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "common/status/status_macros.h"
#include "common/time/clock.h"
#include "fmt/format.h"
#include "probe/check/capture_check.h"
#include "probe/check/check_item.h"
#include "probe/check/container_check.h"
#include "probe/check/setting_check.h"
#include "probe/check/system_check.h"
#include "probe/check/system_facts.h"
#include "probe/config/probe_config.h"

namespace audio_latency::probe {
namespace {

constexpr int kNothingMissing = 0;
constexpr int kSomethingMissing = 1;
constexpr int kAskedWrongly = 2;

struct CheckArguments {
  bool as_json = false;
  // Of the probe.
  std::vector<const char*> rest;
};

absl::StatusOr<CheckArguments> TakeOutput(std::span<const char* const> arguments) {
  CheckArguments taken;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view argument = arguments[i];
    std::string_view format;
    if (argument == "-o" || argument == "--output") {
      if (i + 1 == arguments.size()) {
        return absl::InvalidArgumentError(
            fmt::format("flag {} needs a value: table or json", argument));
      }
      format = arguments[++i];
    } else if (argument.starts_with("--output=")) {
      format = argument.substr(argument.find('=') + 1);
    } else {
      taken.rest.push_back(arguments[i]);
      continue;
    }
    if (format != "table" && format != "json") {
      return absl::InvalidArgumentError(
          fmt::format("flag {}: '{}' is not allowed: use table or json", argument, format));
    }
    taken.as_json = format == "json";
  }
  return taken;
}

int Refuse(const absl::Status& status) {
  std::fputs(fmt::format("audio-latency-probe check: {}\n", Message(status)).c_str(), stderr);
  return kAskedWrongly;
}

}  // namespace

int RunCheckCommand(std::span<const char* const> arguments,
                    const std::map<std::string, std::string>& environment,
                    const std::string& host_name) {
  const absl::StatusOr<CheckArguments> taken = TakeOutput(arguments);
  if (!taken.ok()) {
    return Refuse(taken.status());
  }
  const auto config = ParseProbeConfig(taken->rest, environment, host_name);
  if (!config.ok()) {
    return Refuse(config.status());
  }
  if (!config->has_value()) {
    return kNothingMissing;
  }
  // What libbpf has to say is told in our words.
  libbpf_set_print(nullptr);
  const SystemFacts facts = ReadSystemFacts();
  std::vector<CheckItem> items = CheckSystem(facts);
  for (CheckItem& item :
       CheckCapture(**config, facts.kernel.effective_capabilities, facts.open_files)) {
    items.push_back(std::move(item));
  }
  constexpr int64_t kNsPerSecond = 1'000'000'000;
  items.push_back(CheckCertificates((*config)->tls, RealtimeClock().NowNs() / kNsPerSecond));
  items.push_back(
      CheckMetricsPort((*config)->metrics_address, (*config)->metrics_port, AnotherProbeRuns()));
  items.push_back(CheckContainers(**config));
  std::fputs((taken->as_json ? CheckJson(items) : CheckTable(items)).c_str(), stdout);
  return IsAnythingMissing(items) ? kSomethingMissing : kNothingMissing;
}

}  // namespace audio_latency::probe
