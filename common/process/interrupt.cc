#include "common/process/interrupt.h"

#include <utility>

#include "common/process/blocked_signals.h"
#include "common/status/status_macros.h"

namespace audio_latency {
namespace {

class SignalInterrupt final : public Interrupt {
 public:
  explicit SignalInterrupt(std::unique_ptr<BlockedSignals> signals)
      : signals_(std::move(signals)) {}

  int descriptor() const override { return signals_->descriptor(); }
  void LetNextOneEnd() override { signals_->LetThrough(); }

 private:
  const std::unique_ptr<BlockedSignals> signals_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Interrupt>> Interrupt::Install() {
  ASSIGN_OR_RETURN(std::unique_ptr<BlockedSignals> signals, BlockedSignals::Block());
  return std::make_unique<SignalInterrupt>(std::move(signals));
}

}  // namespace audio_latency
