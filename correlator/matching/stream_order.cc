#include "correlator/matching/stream_order.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace audio_latency::correlator {
namespace {

bool IsBehind(uint32_t position, uint32_t of) { return static_cast<int32_t>(position - of) < 0; }

}  // namespace

std::vector<StreamStep>::const_iterator StreamOrder::After(const StreamStep& step) const {
  // Most steps are the foremost.
  if (milestones_.empty() || !IsBehind(step.left_position, milestones_.back().left_position)) {
    return milestones_.end();
  }
  return std::find_if(milestones_.begin(), milestones_.end(), [&](const StreamStep& milestone) {
    return IsBehind(step.left_position, milestone.left_position);
  });
}

bool StreamOrder::Keeps(const StreamStep& step) const {
  const auto after = After(step);
  if (after == milestones_.begin() || after == milestones_.end()) {
    return false;
  }
  const StreamStep& before = *std::prev(after);
  const int64_t gap_ns = after->entered_ns - before.entered_ns;
  if (gap_ns > kMaxGapNs) {
    return false;
  }
  const auto share = [](uint32_t begin, uint32_t position, uint32_t end) {
    return static_cast<double>(static_cast<int32_t>(position - begin)) /
           static_cast<double>(end - begin);
  };
  const double of_entered =
      share(before.entered_position, step.entered_position, after->entered_position);
  const double of_left = share(before.left_position, step.left_position, after->left_position);
  const double deviation = std::abs(of_entered - of_left);
  return deviation <= kMaxDeviation &&
         deviation * static_cast<double>(gap_ns) <= static_cast<double>(kMaxDeviationNs);
}

void StreamOrder::Add(const StreamStep& step) {
  if (std::abs(step.entered_ns - added_entered_ns_) < kSpacingNs) {
    return;
  }
  auto after = After(step);
  const auto is_near = [&](const StreamStep& milestone) {
    return std::abs(milestone.entered_ns - step.entered_ns) < kSpacingNs;
  };
  if ((after != milestones_.begin() && is_near(*std::prev(after))) ||
      (after != milestones_.end() && is_near(*after))) {
    return;
  }
  added_entered_ns_ = step.entered_ns;
  // Behind all in the stream, what left later than they is of another stream.
  const bool fits = (after == milestones_.begin() ||
                     IsBehind(std::prev(after)->entered_position, step.entered_position)) &&
                    (after == milestones_.end() ||
                     (IsBehind(step.entered_position, after->entered_position) &&
                      (after != milestones_.begin() || step.left_ns < after->left_ns)));
  if (!fits) {
    milestones_ = {step};
    return;
  }
  if (milestones_.size() == kMaxMilestones) {
    if (after == milestones_.begin()) {
      return;  // it would be the first to go
    }
    const auto place = after - milestones_.begin() - 1;
    milestones_.erase(milestones_.begin());
    after = milestones_.begin() + place;
  }
  milestones_.insert(after, step);
}

}  // namespace audio_latency::correlator
