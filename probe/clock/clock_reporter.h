// What the probe tells of the node's clock, apart from the exchanges on the stream itself.

#ifndef PROBE_CLOCK_CLOCK_REPORTER_H_
#define PROBE_CLOCK_CLOCK_REPORTER_H_

#include <cstdint>
#include <functional>
#include <optional>

#include "audio_latency/v1/probe.pb.h"
#include "common/time/clock.h"
#include "probe/clock/datagram_exchange.h"

namespace audio_latency::probe {

// Used by the thread that writes the stream.
class ClockReporter {
 public:
  static constexpr int64_t kKernelClockIntervalNs = 1'000'000'000;

  // All must outlive the reporter. `read_kernel_clock`: see ReadKernelClock.
  ClockReporter(DatagramExchange* datagrams, const Clock& monotonic,
                std::function<std::optional<v1::KernelClock>()> read_kernel_clock)
      : datagrams_(*datagrams),
        monotonic_(monotonic),
        read_kernel_clock_(std::move(read_kernel_clock)) {}

  // False when there is nothing to tell.
  bool Fill(v1::ClockReport* report);

 private:
  DatagramExchange& datagrams_;
  const Clock& monotonic_;
  const std::function<std::optional<v1::KernelClock>()> read_kernel_clock_;
  std::optional<int64_t> kernel_clock_told_ns_;
};

}  // namespace audio_latency::probe

#endif  // PROBE_CLOCK_CLOCK_REPORTER_H_
