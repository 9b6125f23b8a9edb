// What the kernel knows of this process: memory, processor time, open files.

#ifndef COMMON_PROCESS_PROCESS_STATUS_H_
#define COMMON_PROCESS_PROCESS_STATUS_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"

namespace audio_latency {

struct ProcessStatus {
  // User and system time since the start, all threads together.
  double cpu_seconds = 0;
  double start_time_unix_seconds = 0;
  uint64_t resident_memory_bytes = 0;
  uint64_t virtual_memory_bytes = 0;
  uint64_t threads = 0;
  // Nothing where the process may not look at its own files: a program that got capabilities from
  // its file is not dumpable, and its /proc/self/fd is root's (proc(5)).
  std::optional<uint64_t> open_files;
  // The soft limit (ulimit -n).
  uint64_t most_open_files = 0;
};

// Reads /proc/self. `proc_folder`: where proc(5) is mounted. Thread-safe. An error tells what could
// not be read or understood.
absl::StatusOr<ProcessStatus> ReadProcessStatus(const std::string& proc_folder = "/proc");

}  // namespace audio_latency

#endif  // COMMON_PROCESS_PROCESS_STATUS_H_
