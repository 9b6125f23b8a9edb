#include "probe/check/system_facts.h"

#include <sys/resource.h>
#include <unistd.h>

#include <charconv>
#include <ctime>
#include <fstream>
#include <string_view>

#include "probe/clock/kernel_clock.h"

namespace audio_latency::probe {
namespace {

std::string FirstLine(const char* path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

std::optional<int64_t> Number(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) {
    text.remove_prefix(1);
  }
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end == text.data()) {
    return std::nullopt;
  }
  return number;
}

std::optional<int64_t> StatusNumber(std::string_view field) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(field)) {
      return Number(std::string_view(line).substr(field.size()));
    }
  }
  return std::nullopt;
}

uint64_t SoftLimit(__rlimit_resource resource) {
  rlimit limit = {};
  return getrlimit(resource, &limit) == 0 ? limit.rlim_cur : 0;
}

}  // namespace

std::string ChosenWord(const std::string& text) {
  const size_t begin = text.find('[');
  const size_t end = text.find(']', begin);
  return begin == std::string::npos || end == std::string::npos
             ? ""
             : text.substr(begin + 1, end - begin - 1);
}

SystemFacts ReadSystemFacts() {
  SystemFacts facts;
  facts.kernel = ReadKernelFacts();
  facts.user_id = geteuid();
  facts.seccomp_mode = StatusNumber("Seccomp:");
  facts.unprivileged_bpf_disabled = Number(FirstLine("/proc/sys/kernel/unprivileged_bpf_disabled"));
  facts.bpf_jit_enable = Number(FirstLine("/proc/sys/net/core/bpf_jit_enable"));
  facts.lockdown = ChosenWord(FirstLine("/sys/kernel/security/lockdown"));
  facts.security_modules = FirstLine("/sys/kernel/security/lsm");
  facts.clock_source =
      FirstLine("/sys/devices/system/clocksource/clocksource0/current_clocksource");
  timespec resolution = {};
  if (clock_getres(CLOCK_MONOTONIC, &resolution) == 0) {
    facts.monotonic_resolution_ns = resolution.tv_sec * 1'000'000'000 + resolution.tv_nsec;
  }
  facts.kernel_clock = ReadKernelClock();
  facts.locked_memory_bytes = SoftLimit(RLIMIT_MEMLOCK);
  facts.open_files = SoftLimit(RLIMIT_NOFILE);
  return facts;
}

}  // namespace audio_latency::probe
