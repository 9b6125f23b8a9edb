#include "probe/clock/kernel_clock.h"

#include <sys/timex.h>

namespace audio_latency::probe {

std::optional<v1::KernelClock> ReadKernelClock() {
  timex state = {};
  if (adjtimex(&state) < 0) {
    return std::nullopt;
  }
  // timex.freq is in millionths with 16 bits behind the point.
  constexpr double kFrequencyUnit = 1.0 / 65536;
  // An NTP client may slew by the length of the tick too: microseconds a tick, of which user space
  // counts a hundred a second whatever the kernel's HZ.
  constexpr double kTickUnitPpm = 100;
  constexpr int64_t kUsualTickMicros = 10'000;
  const double offset_unit = (state.status & STA_NANO) != 0 ? 1e-9 : 1e-6;
  v1::KernelClock clock;
  clock.set_is_synchronised((state.status & STA_UNSYNC) == 0);
  clock.set_offset_seconds(static_cast<double>(state.offset) * offset_unit);
  clock.set_frequency_ppm(static_cast<double>(state.freq) * kFrequencyUnit +
                          static_cast<double>(state.tick - kUsualTickMicros) * kTickUnitPpm);
  clock.set_estimated_error_seconds(static_cast<double>(state.esterror) * 1e-6);
  clock.set_maximum_error_seconds(static_cast<double>(state.maxerror) * 1e-6);
  return clock;
}

}  // namespace audio_latency::probe
