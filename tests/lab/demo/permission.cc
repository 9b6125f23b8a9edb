#include "tests/lab/demo/permission.h"

#include <errno.h>
#include <fmt/format.h>
#include <linux/bpf.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>

namespace audio_latency::lab {
namespace {

// 0, or the error number of what the lab needs.
int TryNamespaces() {
  const pid_t child = fork();
  if (child < 0) {
    return errno;
  }
  if (child == 0) {
    _exit(unshare(CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWPID) == 0 ? 0 : errno);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : EPERM;
}

// The smallest program of the probe's kind: return 0.
int TryBpf() {
  bpf_insn program[2] = {};
  program[0].code = BPF_ALU64 | BPF_MOV | BPF_K;
  program[1].code = BPF_JMP | BPF_EXIT;
  bpf_attr attributes;
  std::memset(&attributes, 0, sizeof(attributes));
  attributes.prog_type = BPF_PROG_TYPE_SCHED_CLS;
  attributes.insns = reinterpret_cast<uint64_t>(program);
  attributes.insn_cnt = 2;
  attributes.license = reinterpret_cast<uint64_t>("GPL");
  const int64_t loaded = syscall(SYS_bpf, BPF_PROG_LOAD, &attributes, sizeof(attributes));
  if (loaded < 0) {
    return errno;
  }
  close(static_cast<int>(loaded));
  return 0;
}

}  // namespace

absl::Status CheckPermissions() {
  if (const int error = TryBpf(); error != 0) {
    return absl::PermissionDeniedError(fmt::format("eBPF programs may not be loaded here ({}{})",
                                                   std::strerror(error),
                                                   geteuid() == 0 ? "" : "; this is not root"));
  }
  if (const int error = TryNamespaces(); error != 0) {
    return absl::PermissionDeniedError(
        fmt::format("network namespaces may not be made here ({})", std::strerror(error)));
  }
  return absl::OkStatus();
}

}  // namespace audio_latency::lab
