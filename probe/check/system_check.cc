#include "probe/check/system_check.h"

#include <sys/resource.h>

#include <string>

#include "fmt/format.h"
#include "probe/capture/load_failure.h"
#include "probe/privilege/capabilities.h"

namespace audio_latency::probe {
namespace {

// A reading of these takes a microsecond and more.
bool IsSlowClockSource(const std::string& name) { return name == "hpet" || name == "acpi_pm"; }

CheckItem CheckKernel(const KernelFacts& kernel) {
  CheckItem item{"kernel", CheckState::kOk, fmt::format("Linux {}", kernel.release), ""};
  if (kernel.is_preemptible) {
    item.found += ", PREEMPT_RT: packets that preempt each other are counted as scratch_busy";
  }
  if (!IsKernelNewEnough(kernel)) {
    item.state = CheckState::kMissing;
    item.advice = fmt::format("use Linux {} or later", NeededKernelRelease(kernel.machine));
  }
  return item;
}

CheckItem CheckBtf(const KernelFacts& kernel) {
  return kernel.has_btf
             ? CheckItem{"BTF", CheckState::kOk, "/sys/kernel/btf/vmlinux", ""}
             : CheckItem{
                   "BTF", CheckState::kNote,
                   "no /sys/kernel/btf/vmlinux; not needed, the programs read no kernel structure",
                   ""};
}

CheckItem CheckCapabilities(const SystemFacts& facts) {
  const uint64_t all = CapabilitySet({kCapBpf, kCapNetAdmin, kCapPerfmon});
  const std::string missing = MissingCapabilities(facts.kernel.effective_capabilities);
  if (missing.empty()) {
    return {"capabilities", CheckState::kOk,
            fmt::format("user {} with {}", facts.user_id, CapabilityNames(all)), ""};
  }
  return {"capabilities", CheckState::kMissing,
          fmt::format("user {} without {}", facts.user_id, missing),
          "run as root, or with CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON"};
}

CheckItem CheckUnprivilegedBpf(const SystemFacts& facts) {
  CheckItem item{"unprivileged BPF", CheckState::kOk, "", ""};
  if (!facts.unprivileged_bpf_disabled.has_value()) {
    item.state = CheckState::kUnknown;
    item.found = "kernel.unprivileged_bpf_disabled cannot be read";
    return item;
  }
  item.found =
      fmt::format("kernel.unprivileged_bpf_disabled is {}; no matter to who has capabilities",
                  *facts.unprivileged_bpf_disabled);
  if (*facts.unprivileged_bpf_disabled == 0) {
    item.state = CheckState::kNote;
    item.found = "kernel.unprivileged_bpf_disabled is 0: every user may load BPF programs";
    item.advice = "set it to 2; the probe does not need it";
  }
  return item;
}

CheckItem CheckJit(const SystemFacts& facts) {
  if (!facts.bpf_jit_enable.has_value()) {
    return {"BPF compiler", CheckState::kUnknown, "only root may read net.core.bpf_jit_enable", ""};
  }
  if (*facts.bpf_jit_enable == 0) {
    return {"BPF compiler", CheckState::kNote,
            "net.core.bpf_jit_enable is 0: programs are interpreted, at several times the cost",
            "set net.core.bpf_jit_enable to 1"};
  }
  return {"BPF compiler", CheckState::kOk, "on", ""};
}

CheckItem CheckSecurity(const SystemFacts& facts) {
  const bool is_filtered = facts.seccomp_mode.value_or(0) != 0;
  const bool is_locked = facts.lockdown == "confidentiality";
  CheckItem item{
      "security modules", is_filtered || is_locked ? CheckState::kNote : CheckState::kOk,
      fmt::format("{}; lockdown {}; seccomp {}",
                  facts.security_modules.empty() ? "not to be seen" : facts.security_modules,
                  facts.lockdown.empty() ? "not to be seen" : facts.lockdown,
                  !facts.seccomp_mode.has_value() ? "not to be seen"
                  : is_filtered                   ? "on"
                                                  : "off"),
      ""};
  if (is_filtered) {
    item.advice = "where loading fails, let the seccomp profile allow bpf(2)";
  }
  return item;
}

CheckItem CheckLockedMemory(const SystemFacts& facts) {
  // 5.11 took BPF maps out of this limit, and older kernels than 5.15 are refused anyway.
  const std::string limit = facts.locked_memory_bytes == RLIM_INFINITY
                                ? "unlimited"
                                : fmt::format("{} KiB", facts.locked_memory_bytes / 1024);
  return {"locked memory", CheckState::kOk,
          fmt::format("limit {}; BPF maps count as ordinary memory since Linux 5.11", limit), ""};
}

CheckItem CheckPacketClock(const SystemFacts& facts) {
  CheckItem item{
      "packet clock", CheckState::kOk,
      fmt::format("monotonic, resolution {} ns, source {}", facts.monotonic_resolution_ns,
                  facts.clock_source.empty() ? "not to be seen" : facts.clock_source),
      ""};
  constexpr int64_t kCoarseNs = 1'000;
  if (facts.monotonic_resolution_ns > kCoarseNs || IsSlowClockSource(facts.clock_source)) {
    item.state = CheckState::kNote;
    item.advice = "let the kernel use the processor's own clock (clocksource=tsc, or kvm-clock)";
  }
  return item;
}

CheckItem CheckWallClock(const SystemFacts& facts) {
  if (!facts.kernel_clock.has_value()) {
    return {"wall clock", CheckState::kUnknown, "the kernel does not answer adjtimex(2)", ""};
  }
  const v1::KernelClock& clock = *facts.kernel_clock;
  constexpr double kMicrosecondsPerSecond = 1e6;
  if (!clock.is_synchronised()) {
    return {"wall clock", CheckState::kNote,
            "nobody keeps it in step; delays do not depend on it, times in logs do",
            "run chrony or another NTP client for times that compare between nodes' logs"};
  }
  return {
      "wall clock", CheckState::kOk,
      fmt::format("kept in step; estimated error {:.0f} us, at most {:.0f} us, rate {:+.3f} ppm",
                  clock.estimated_error_seconds() * kMicrosecondsPerSecond,
                  clock.maximum_error_seconds() * kMicrosecondsPerSecond, clock.frequency_ppm()),
      ""};
}

}  // namespace

std::vector<CheckItem> CheckSystem(const SystemFacts& facts) {
  return {CheckKernel(facts.kernel),   CheckBtf(facts.kernel),  CheckCapabilities(facts),
          CheckUnprivilegedBpf(facts), CheckJit(facts),         CheckSecurity(facts),
          CheckLockedMemory(facts),    CheckPacketClock(facts), CheckWallClock(facts)};
}

}  // namespace audio_latency::probe
