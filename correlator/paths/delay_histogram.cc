#include "correlator/paths/delay_histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "correlator/clock/clock_error_board.h"

namespace audio_latency::correlator {
namespace {

constexpr int kBinBits = 6;  // 64 bins an octave
constexpr uint64_t kBins = uint64_t{1} << kBinBits;
constexpr uint64_t kLinear = 2 * kBins;

size_t BinOf(uint64_t magnitude) {
  if (magnitude < kLinear) {
    return static_cast<size_t>(magnitude);
  }
  const int shift = static_cast<int>(std::bit_width(magnitude)) - kBinBits - 1;
  return static_cast<size_t>(static_cast<uint64_t>(shift) * kBins + (magnitude >> shift));
}

// The middle of a bin.
double ValueOf(size_t bin) {
  if (bin < kLinear) {
    return static_cast<double>(bin);
  }
  const uint64_t shift = bin / kBins - 1;
  const uint64_t step = bin % kBins + kBins;
  return std::ldexp(static_cast<double>(step) + 0.5, static_cast<int>(shift));
}

// Bounds of kDelayBucketsSeconds in nanoseconds.
const std::array<int64_t, kDelayBucketsSeconds.size()>& BucketBoundsNs() {
  static const auto bounds = [] {
    std::array<int64_t, kDelayBucketsSeconds.size()> result = {};
    std::transform(kDelayBucketsSeconds.begin(), kDelayBucketsSeconds.end(), result.begin(),
                   [](double seconds) { return std::llround(seconds * 1e9); });
    return result;
  }();
  return bounds;
}

}  // namespace

void DelayHistogram::Bins::Add(size_t bin, uint64_t how_many) {
  // Some room on both sides, so that a series settles after a few samples.
  constexpr size_t kRoom = 16;
  if (counts.empty()) {
    first = bin > kRoom ? bin - kRoom : 0;
    counts.resize(bin - first + kRoom);
  } else if (bin < first) {
    const size_t new_first = bin > kRoom ? bin - kRoom : 0;
    counts.insert(counts.begin(), first - new_first, 0);
    first = new_first;
  } else if (bin - first >= counts.size()) {
    counts.resize(bin - first + kRoom);
  }
  counts[bin - first] += how_many;
  count += how_many;
}

void DelayHistogram::Add(int64_t delay_ns) {
  if (delay_ns >= 0) {
    positive_.Add(BinOf(static_cast<uint64_t>(delay_ns)), 1);
  } else {
    negative_.Add(BinOf(uint64_t{0} - static_cast<uint64_t>(delay_ns)), 1);
  }
  least_ns_ = count_ == 0 ? delay_ns : std::min(least_ns_, delay_ns);
  most_ns_ = count_ == 0 ? delay_ns : std::max(most_ns_, delay_ns);
  sum_ns_ += delay_ns;
  ++count_;
}

void DelayHistogram::Add(const DelayHistogram& other) {
  if (other.count_ == 0) {
    return;
  }
  for (const auto& [mine, its] :
       {std::pair{&positive_, &other.positive_}, std::pair{&negative_, &other.negative_}}) {
    for (size_t i = 0; i < its->counts.size(); ++i) {
      if (its->counts[i] > 0) {
        mine->Add(its->first + i, its->counts[i]);
      }
    }
  }
  least_ns_ = count_ == 0 ? other.least_ns_ : std::min(least_ns_, other.least_ns_);
  most_ns_ = count_ == 0 ? other.most_ns_ : std::max(most_ns_, other.most_ns_);
  sum_ns_ += other.sum_ns_;
  count_ += other.count_;
}

void DelayHistogram::Clear() { *this = DelayHistogram(); }

double DelayHistogram::QuantileNs(double quantile) const {
  if (count_ == 0) {
    return 0;
  }
  const double wanted = std::ceil(quantile * static_cast<double>(count_));
  uint64_t rank = std::clamp<uint64_t>(static_cast<uint64_t>(std::max(wanted, 1.0)), 1, count_);
  const auto bounded = [this](double value) {
    return std::clamp(value, static_cast<double>(least_ns_), static_cast<double>(most_ns_));
  };
  for (size_t i = negative_.counts.size(); i-- > 0;) {
    if (rank <= negative_.counts[i]) {
      return bounded(-ValueOf(negative_.first + i));
    }
    rank -= negative_.counts[i];
  }
  for (size_t i = 0; i < positive_.counts.size(); ++i) {
    if (rank <= positive_.counts[i]) {
      return bounded(ValueOf(positive_.first + i));
    }
    rank -= positive_.counts[i];
  }
  return static_cast<double>(most_ns_);
}

void DelaySeries::Add(int64_t delay_ns, int64_t error_bound_ns, int64_t now_ns) {
  const int64_t number = now_ns / kSliceNs;
  Slice& slice = slices_[static_cast<size_t>(number) % kSlices];
  if (slice.number != number) {
    slice.number = number;
    slice.part.histogram.Clear();
    slice.part.error_bound_ns = 0;
  }
  for (Part* const part : {&total_, &slice.part}) {
    part->histogram.Add(delay_ns);
    part->error_bound_ns = std::max(part->error_bound_ns, error_bound_ns);
  }
  if (error_bound_ns == ClockErrorBoard::kUnboundedNs) {
    ++unbounded_;
  } else {
    error_bounds_.Add(error_bound_ns);
  }
  const auto& bounds = BucketBoundsNs();
  const auto bucket = std::lower_bound(bounds.begin(), bounds.end(), delay_ns);
  ++buckets_[static_cast<size_t>(bucket - bounds.begin())];
  newest_ns_ = std::max(newest_ns_, now_ns);
}

int64_t DelaySeries::ErrorBoundSinceStartNs() const {
  // What lies outside is one in a thousand.
  constexpr double kShare = 0.999;
  const uint64_t count = total_.histogram.count();
  if (static_cast<double>(unbounded_) > (1 - kShare) * static_cast<double>(count)) {
    return ClockErrorBoard::kUnboundedNs;
  }
  // A step of the histogram wider, since its value may lie below what was added.
  constexpr double kStep = 1.01;
  const double bound_ns = error_bounds_.QuantileNs(kShare) * kStep;
  return std::min(static_cast<int64_t>(std::ceil(bound_ns)), error_bounds_.most_ns());
}

DelaySnapshot DelaySeries::Snapshot(uint32_t window_seconds, int64_t now_ns) const {
  Part merged;
  const Part* part = &total_;
  if (window_seconds > 0) {
    const int64_t seconds = std::min(window_seconds, kLongestWindowSeconds);
    const int64_t current = now_ns / kSliceNs;
    const int64_t oldest = current - (seconds * 1'000'000'000 + kSliceNs - 1) / kSliceNs;
    for (const Slice& slice : slices_) {
      if (slice.number >= 0 && slice.number >= oldest && slice.number <= current) {
        merged.histogram.Add(slice.part.histogram);
        merged.error_bound_ns = std::max(merged.error_bound_ns, slice.part.error_bound_ns);
      }
    }
    part = &merged;
  }
  const DelayHistogram& histogram = part->histogram;
  DelaySnapshot snapshot;
  snapshot.count = static_cast<double>(histogram.count());
  snapshot.p50_seconds = histogram.QuantileNs(0.5) * 1e-9;
  snapshot.p90_seconds = histogram.QuantileNs(0.9) * 1e-9;
  snapshot.p95_seconds = histogram.QuantileNs(0.95) * 1e-9;
  snapshot.p99_seconds = histogram.QuantileNs(0.99) * 1e-9;
  snapshot.max_seconds = static_cast<double>(histogram.most_ns()) * 1e-9;
  snapshot.min_seconds = static_cast<double>(histogram.least_ns()) * 1e-9;
  snapshot.mean_seconds = histogram.mean_ns() * 1e-9;
  snapshot.negative_count = static_cast<double>(histogram.negative_count());
  const int64_t error_bound_ns =
      window_seconds > 0 ? part->error_bound_ns : ErrorBoundSinceStartNs();
  snapshot.error_bound_seconds = error_bound_ns == ClockErrorBoard::kUnboundedNs
                                     ? std::numeric_limits<double>::infinity()
                                     : static_cast<double>(error_bound_ns) * 1e-9;
  std::transform(buckets_.begin(), buckets_.end(), snapshot.buckets.begin(),
                 [](uint64_t count) { return static_cast<double>(count); });
  snapshot.sum_seconds = static_cast<double>(total_.histogram.sum_ns()) * 1e-9;
  return snapshot;
}

}  // namespace audio_latency::correlator
