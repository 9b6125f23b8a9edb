// Why the kernel did not take the capture programs, in words that say what to do.

#ifndef PROBE_CAPTURE_LOAD_FAILURE_H_
#define PROBE_CAPTURE_LOAD_FAILURE_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace audio_latency::probe {

// What bears on loading BPF programs here.
struct KernelFacts {
  // "6.1.0-18-amd64".
  std::string release;
  // "x86_64", "aarch64", as uname tells it.
  std::string machine;
  // /sys/kernel/btf/vmlinux is there.
  bool has_btf = false;
  // Bit n: the process has capability n.
  uint64_t effective_capabilities = 0;
  // Built with PREEMPT_RT: a program at TC can be preempted by another one on its CPU.
  bool is_preemptible = false;
};

// Of this process and this kernel.
KernelFacts ReadKernelFacts();

// The oldest kernel that has all that the programs need on `machine`: "5.18" for aarch64, whose JIT
// did not know BPF atomics that return a value before; else "5.15".
std::string_view NeededKernelRelease(std::string_view machine);
// What is no release is taken for new enough.
bool IsKernelNewEnough(const KernelFacts& facts);

// "CAP_BPF, CAP_PERFMON": what of CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON is missing; empty when
// nothing is. CAP_SYS_ADMIN stands for CAP_BPF and CAP_PERFMON.
std::string MissingCapabilities(uint64_t effective_capabilities);

// `error`: the errno that loading failed with.
absl::Status DescribeLoadFailure(int error, const KernelFacts& facts);

}  // namespace audio_latency::probe

#endif  // PROBE_CAPTURE_LOAD_FAILURE_H_
