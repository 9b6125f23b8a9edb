#include "probe/capture/hidden_traffic.h"

#include <algorithm>

namespace audio_latency::probe {

bool HiddenTraffic::Look(const TrafficSample& now) {
  // A driver may begin to count anew.
  if (!before_.has_value() || now.packets < before_->packets || now.bytes < before_->bytes ||
      now.seen_bytes < before_->seen_bytes) {
    before_ = now;
    return is_hidden_;
  }
  const uint64_t packets = now.packets - before_->packets;
  const uint64_t bytes = now.bytes - before_->bytes;
  if (packets < kLeastPackets || bytes == 0) {
    return is_hidden_;
  }
  const uint64_t seen_bytes = now.seen_bytes - before_->seen_bytes;
  before_ = now;
  seen_share_ = std::min(1.0, static_cast<double>(seen_bytes) / static_cast<double>(bytes));
  const bool is_bad = seen_bytes < bytes / 2;
  is_hidden_ = is_bad && was_bad_;
  was_bad_ = is_bad;
  return is_hidden_;
}

}  // namespace audio_latency::probe
