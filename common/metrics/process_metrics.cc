#include "common/metrics/process_metrics.h"

#include <utility>
#include <vector>

#include "common/metrics/metrics_text.h"

namespace audio_latency {

std::string ProcessMetricsText(const absl::StatusOr<ProcessStatus>& status) {
  if (!status.ok()) {
    return "";
  }
  std::vector<prometheus::MetricFamily> families;
  const auto add = [&](prometheus::MetricFamily family, double value) {
    AddSample({}, value, &family);
    families.push_back(std::move(family));
  };
  add(CounterFamily("process_cpu_seconds_total", "User and system processor time, in seconds."),
      status->cpu_seconds);
  add(GaugeFamily("process_resident_memory_bytes", "Memory that is in use, in bytes."),
      static_cast<double>(status->resident_memory_bytes));
  add(GaugeFamily("process_virtual_memory_bytes", "Address space that is in use, in bytes."),
      static_cast<double>(status->virtual_memory_bytes));
  add(GaugeFamily("process_start_time_seconds", "When the process started, in Unix time."),
      status->start_time_unix_seconds);
  add(GaugeFamily("process_threads", "Threads that run."), static_cast<double>(status->threads));
  if (status->open_files.has_value()) {
    add(GaugeFamily("process_open_fds", "Files and sockets that are open."),
        static_cast<double>(*status->open_files));
  }
  add(GaugeFamily("process_max_fds", "Files and sockets that may be open."),
      static_cast<double>(status->most_open_files));
  return RenderMetrics(families);
}

}  // namespace audio_latency
