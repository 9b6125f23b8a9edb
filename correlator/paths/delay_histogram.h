// Distribution of delays, within 1 % of each value from nanoseconds to hours.

#ifndef CORRELATOR_PATHS_DELAY_HISTOGRAM_H_
#define CORRELATOR_PATHS_DELAY_HISTOGRAM_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "correlator/paths/snapshot.h"

namespace audio_latency::correlator {

// Log-linear: 64 bins an octave, so that a bin's middle is within 0.8 % of all values in it; values
// below 128 ns are exact. Negative values have bins of their own. Memory is taken for the range of
// values that occurs. Not thread-safe.
class DelayHistogram {
 public:
  void Add(int64_t delay_ns);
  void Add(const DelayHistogram& other);
  void Clear();

  uint64_t count() const { return count_; }
  uint64_t negative_count() const { return negative_.count; }
  // Exact; 0 when there is none.
  int64_t least_ns() const { return count_ == 0 ? 0 : least_ns_; }
  int64_t most_ns() const { return count_ == 0 ? 0 : most_ns_; }
  double mean_ns() const {
    return count_ == 0 ? 0 : static_cast<double>(sum_ns_) / static_cast<double>(count_);
  }
  int64_t sum_ns() const { return sum_ns_; }
  // The value that a share of `quantile` (0 to 1) does not exceed; 0 when there is none.
  double QuantileNs(double quantile) const;

 private:
  // Bins of one sign.
  struct Bins {
    uint64_t count = 0;
    size_t first = 0;  // bin of counts[0]
    std::vector<uint64_t> counts;

    void Add(size_t bin, uint64_t how_many);
  };

  Bins positive_;  // and zero
  Bins negative_;
  uint64_t count_ = 0;
  int64_t sum_ns_ = 0;
  int64_t least_ns_ = 0;
  int64_t most_ns_ = 0;
};

// The delays of one hop or path: since the start, and of the last minute. Not thread-safe.
class DelaySeries {
 public:
  static constexpr int64_t kSliceNs = 10'000'000'000;
  static constexpr uint32_t kLongestWindowSeconds = 60;

  // `error_bound_ns` is the delay's (ClockErrorBoard::kUnboundedNs: not known); `now_ns` must not
  // go back by more than a slice.
  void Add(int64_t delay_ns, int64_t error_bound_ns, int64_t now_ns);
  // `window_seconds`: 0 since the start; else the last so many seconds, rounded up to whole slices
  // beside the current one.
  DelaySnapshot Snapshot(uint32_t window_seconds, int64_t now_ns) const;

  uint64_t count() const { return total_.histogram.count(); }
  int64_t newest_ns() const { return newest_ns_; }

 private:
  struct Part {
    DelayHistogram histogram;
    // The largest.
    int64_t error_bound_ns = 0;
  };
  int64_t ErrorBoundSinceStartNs() const;

  struct Slice {
    int64_t number = -1;
    Part part;
  };
  // The current one and those of the longest window.
  static constexpr size_t kSlices = kLongestWindowSeconds / (kSliceNs / 1'000'000'000) + 1;

  Part total_;
  // Of all samples since the start; those that are not known are only counted.
  DelayHistogram error_bounds_;
  uint64_t unbounded_ = 0;
  std::array<Slice, kSlices> slices_;
  std::array<uint64_t, kDelayBucketsSeconds.size() + 1> buckets_ = {};
  int64_t newest_ns_ = 0;
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_PATHS_DELAY_HISTOGRAM_H_
