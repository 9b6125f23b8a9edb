#include "correlator/metrics/loss_causes.h"

#include "bpf/capture_abi.h"
#include "common/loss/causes.h"

namespace audio_latency::correlator {
namespace {

struct CaptureCause {
  const char* name;
  bool is_lost;
};

constexpr CaptureCause kCaptureCauses[] = {
#define CAPTURE_CAUSE(constant, name, lost) {name, (lost) != 0},
    CAPTURE_COUNTERS(CAPTURE_CAUSE)
#undef CAPTURE_CAUSE
};

std::vector<std::string> AllCauses() {
  std::vector<std::string> causes = {kCauseFlowLimit,       kCauseProbeEncoding,
                                     kCauseProbeBufferFull, kCauseCorrelatorOverloaded,
                                     kCauseProbeDied,       kCauseCorrelatorFlowLimit,
                                     kCauseEventRate,       kCauseUnknownFlow,
                                     kCauseMalformedBatch,  kCauseClockUnsynchronised,
                                     kCauseTimeOutOfRange,  kCauseTooLate};
  for (const CaptureCause& cause : kCaptureCauses) {
    if (cause.is_lost) {
      causes.emplace_back(cause.name);
    }
  }
  return causes;
}

}  // namespace

const std::vector<std::string>& NodeLossCauses() {
  static const auto* const kCauses = new std::vector<std::string>(AllCauses());
  return *kCauses;
}

}  // namespace audio_latency::correlator
