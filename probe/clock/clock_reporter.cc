#include "probe/clock/clock_reporter.h"

#include <utility>

namespace audio_latency::probe {

bool ClockReporter::Fill(v1::ClockReport* report) {
  report->Clear();
  datagrams_.Take(report->mutable_datagram_samples());
  const int64_t now_ns = monotonic_.NowNs();
  if (!kernel_clock_told_ns_.has_value() ||
      now_ns - *kernel_clock_told_ns_ >= kKernelClockIntervalNs) {
    kernel_clock_told_ns_ = now_ns;
    if (std::optional<v1::KernelClock> clock = read_kernel_clock_()) {
      *report->mutable_kernel_clock() = *std::move(clock);
    }
  }
  return report->datagram_samples_size() > 0 || report->has_kernel_clock();
}

}  // namespace audio_latency::probe
