// What the capture programs take inside the kernel, by the kernel's own account.

#ifndef TESTS_BENCH_PROBE_KERNEL_RUN_TIME_H_
#define TESTS_BENCH_PROBE_KERNEL_RUN_TIME_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "common/process/file_descriptor.h"

namespace audio_latency::bench {

// Sums over all programs that are loaded and whose names begin with "capture_".
struct KernelRunTime {
  uint64_t run_time_ns = 0;
  uint64_t runs = 0;
};

// The kernel counts as long as the object lives (BPF_ENABLE_STATS, about 20 ns a run).
class KernelRunTimeMeter {
 public:
  static absl::StatusOr<KernelRunTimeMeter> Start();
  absl::StatusOr<KernelRunTime> Read() const;

 private:
  explicit KernelRunTimeMeter(FileDescriptor statistics) : statistics_(std::move(statistics)) {}

  FileDescriptor statistics_;
};

}  // namespace audio_latency::bench

#endif  // TESTS_BENCH_PROBE_KERNEL_RUN_TIME_H_
