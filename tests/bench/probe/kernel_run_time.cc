#include "tests/bench/probe/kernel_run_time.h"

#include <bpf/bpf.h>

#include <string_view>

#include "tests/lab/errno_status.h"

namespace audio_latency::bench {

absl::StatusOr<KernelRunTimeMeter> KernelRunTimeMeter::Start() {
  FileDescriptor statistics(bpf_enable_stats(BPF_STATS_RUN_TIME));
  if (statistics.get() < 0) {
    return lab::ErrnoStatus("asking the kernel to count the run time of BPF programs");
  }
  return KernelRunTimeMeter(std::move(statistics));
}

absl::StatusOr<KernelRunTime> KernelRunTimeMeter::Read() const {
  KernelRunTime sum;
  uint32_t id = 0;
  while (bpf_prog_get_next_id(id, &id) == 0) {
    const FileDescriptor program(bpf_prog_get_fd_by_id(id));
    if (program.get() < 0) {
      continue;  // it went meanwhile
    }
    bpf_prog_info info = {};
    uint32_t bytes = sizeof(info);
    if (bpf_obj_get_info_by_fd(program.get(), &info, &bytes) != 0) {
      return lab::ErrnoStatus("reading the run time of a BPF program");
    }
    // The kernel keeps 15 characters of the name.
    if (std::string_view(info.name).starts_with("capture_")) {
      sum.run_time_ns += info.run_time_ns;
      sum.runs += info.run_cnt;
    }
  }
  return sum;
}

}  // namespace audio_latency::bench
