// The metrics of the process itself, under the names that all Prometheus clients give them.

#ifndef COMMON_METRICS_PROCESS_METRICS_H_
#define COMMON_METRICS_PROCESS_METRICS_H_

#include <string>

#include "absl/status/statusor.h"
#include "common/process/process_status.h"

namespace audio_latency {

// process_cpu_seconds_total, process_resident_memory_bytes and so on, as text of the format 0.0.4;
// nothing where the process could not be looked at.
std::string ProcessMetricsText(const absl::StatusOr<ProcessStatus>& status = ReadProcessStatus());

}  // namespace audio_latency

#endif  // COMMON_METRICS_PROCESS_METRICS_H_
