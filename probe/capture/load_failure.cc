#include "probe/capture/load_failure.h"

#include <linux/capability.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <string_view>
#include <utility>
#include <vector>

#include "fmt/format.h"
#include "fmt/ranges.h"

namespace audio_latency::probe {
namespace {

// The kernel's own ENOTSUPP, which user space has no name for: the JIT refuses.
constexpr int kNotSupportedByJit = 524;

// Newer than the oldest headers that this compiles with.
constexpr int kCapPerfmon = 38;
constexpr int kCapBpf = 39;

bool Has(uint64_t capabilities, int capability) { return (capabilities >> capability & 1) != 0; }

// {6, 1} of "6.1.0-18-amd64"; {0, 0} of what is no release.
std::pair<int, int> ParseRelease(std::string_view release) {
  std::pair<int, int> version = {0, 0};
  const char* const end = release.data() + release.size();
  const auto [dot, error] = std::from_chars(release.data(), end, version.first);
  if (error == std::errc() && dot != end) {
    std::from_chars(dot + 1, end, version.second);
  }
  return version;
}

}  // namespace

KernelFacts ReadKernelFacts() {
  KernelFacts facts;
  utsname name = {};
  if (uname(&name) == 0) {
    facts.release = std::string(name.release);
    facts.machine = std::string(name.machine);
    facts.is_preemptible =
        std::string_view(name.version).find("PREEMPT_RT") != std::string_view::npos;
  }
  facts.has_btf = access("/sys/kernel/btf/vmlinux", R_OK) == 0;
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    constexpr std::string_view kField = "CapEff:\t";
    if (line.starts_with(kField)) {
      std::from_chars(line.data() + kField.size(), line.data() + line.size(),
                      facts.effective_capabilities, 16);
    }
  }
  return facts;
}

std::string_view NeededKernelRelease(std::string_view machine) {
  return machine == "aarch64" ? "5.18" : "5.15";
}

bool IsKernelNewEnough(const KernelFacts& facts) {
  const std::pair<int, int> version = ParseRelease(facts.release);
  return version == std::pair<int, int>(0, 0) ||
         version >= ParseRelease(NeededKernelRelease(facts.machine));
}

std::string MissingCapabilities(uint64_t effective_capabilities) {
  std::vector<std::string_view> missing;
  const bool is_admin = Has(effective_capabilities, CAP_SYS_ADMIN);
  if (!is_admin && !Has(effective_capabilities, kCapBpf)) {
    missing.push_back("CAP_BPF");
  }
  if (!Has(effective_capabilities, CAP_NET_ADMIN)) {
    missing.push_back("CAP_NET_ADMIN");
  }
  if (!is_admin && !Has(effective_capabilities, kCapPerfmon)) {
    missing.push_back("CAP_PERFMON");
  }
  return fmt::format("{}", fmt::join(missing, ", "));
}

absl::Status DescribeLoadFailure(int error, const KernelFacts& facts) {
  const std::string missing = MissingCapabilities(facts.effective_capabilities);
  if (!missing.empty() && (error == EPERM || error == EACCES)) {
    return absl::PermissionDeniedError(fmt::format(
        "cannot load the capture programs without {}; run as root, or with CAP_BPF, CAP_NET_ADMIN "
        "and CAP_PERFMON",
        missing));
  }
  if (!IsKernelNewEnough(facts)) {
    return absl::FailedPreconditionError(
        fmt::format("cannot load the capture programs: this kernel is {} for {}; Linux {} or later "
                    "is needed",
                    facts.release, facts.machine, NeededKernelRelease(facts.machine)));
  }
  if (error == kNotSupportedByJit) {
    return absl::FailedPreconditionError(fmt::format(
        "cannot load the capture programs: the BPF JIT of Linux {} for {} does not know all of "
        "their instructions (atomics that return a value), or is off; use a newer kernel, or set "
        "net.core.bpf_jit_enable to 1",
        facts.release, facts.machine));
  }
  if (error == EPERM) {
    return absl::PermissionDeniedError(
        "cannot load the capture programs: the kernel does not permit it although the "
        "capabilities are there; look at seccomp, AppArmor and kernel lockdown");
  }
  if (error == ENOMEM) {
    return absl::ResourceExhaustedError(
        "cannot load the capture programs: no memory for their tables; lower PERF_BUFFER_SIZE or "
        "MAX_FLOWS");
  }
  return absl::InternalError(
      fmt::format("cannot load the capture programs on Linux {}: {}; LOG_LEVEL=debug shows what "
                  "the kernel says",
                  facts.release, std::strerror(error)));
}

}  // namespace audio_latency::probe
