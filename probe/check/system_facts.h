// What this machine says of itself, as far as it bears on the probe.

#ifndef PROBE_CHECK_SYSTEM_FACTS_H_
#define PROBE_CHECK_SYSTEM_FACTS_H_

#include <cstdint>
#include <optional>
#include <string>

#include "audio_latency/v1/clock.pb.h"
#include "probe/capture/load_failure.h"

namespace audio_latency::probe {

// Nothing, or empty, where it cannot be read.
struct SystemFacts {
  KernelFacts kernel;
  uint32_t user_id = 0;
  // /proc/self/status: 0 none, 1 strict, 2 a filter, as container runtimes set.
  std::optional<int64_t> seccomp_mode;
  // sysctl kernel.unprivileged_bpf_disabled: 0, 1 or 2.
  std::optional<int64_t> unprivileged_bpf_disabled;
  // sysctl net.core.bpf_jit_enable: 0, 1 or 2; only root may read it.
  std::optional<int64_t> bpf_jit_enable;
  // "none", "integrity", "confidentiality".
  std::string lockdown;
  // "lockdown,capability,apparmor".
  std::string security_modules;
  // "tsc", "kvm-clock", "hpet".
  std::string clock_source;
  // CLOCK_MONOTONIC, which times every packet.
  int64_t monotonic_resolution_ns = 0;
  // Of adjtimex(2).
  std::optional<v1::KernelClock> kernel_clock;
  // Soft limits; the largest number: no limit.
  uint64_t locked_memory_bytes = 0;
  uint64_t open_files = 0;
};

// Of this process and this machine. Needs no right.
SystemFacts ReadSystemFacts();

// The word in brackets of a file such as "none [integrity] confidentiality"; empty without one.
std::string ChosenWord(const std::string& text);

}  // namespace audio_latency::probe

#endif  // PROBE_CHECK_SYSTEM_FACTS_H_
