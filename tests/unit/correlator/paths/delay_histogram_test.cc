#include "correlator/paths/delay_histogram.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "correlator/clock/clock_error_board.h"

namespace audio_latency::correlator {
namespace {

constexpr int64_t kSecondNs = 1'000'000'000;

TEST_CASE("Quantiles are within one per cent, of any distribution and sign") {
  std::mt19937_64 random(2);
  const auto check = [&](auto draw) {
    DelayHistogram histogram;
    std::vector<int64_t> values;
    for (int i = 0; i < 20'000; ++i) {
      values.push_back(draw());
      histogram.Add(values.back());
    }
    std::sort(values.begin(), values.end());
    for (const double quantile : {0.001, 0.01, 0.1, 0.5, 0.9, 0.95, 0.99, 0.999, 1.0}) {
      const auto rank = static_cast<size_t>(std::ceil(quantile * 20'000)) - 1;
      const double truth = static_cast<double>(values[rank]);
      CHECK(histogram.QuantileNs(quantile) == Approx(truth).epsilon(0.01).margin(0.5));
    }
    CHECK(histogram.least_ns() == values.front());
    CHECK(histogram.most_ns() == values.back());
    CHECK(histogram.count() == 20'000);
  };
  std::lognormal_distribution<> network(12, 1);
  check([&] { return static_cast<int64_t>(network(random)); });
  std::normal_distribution<> around_zero(0, 50'000);
  check([&] { return static_cast<int64_t>(around_zero(random)); });
  std::uniform_int_distribution<int64_t> small(-200, 200);
  check([&] { return small(random); });
  std::uniform_int_distribution<int64_t> wide(-20 * kSecondNs, 40 * kSecondNs);
  check([&] { return wide(random); });
}

TEST_CASE("Extremes and emptiness") {
  DelayHistogram histogram;
  CHECK(histogram.QuantileNs(0.5) == 0);
  CHECK(histogram.least_ns() == 0);
  histogram.Add(std::numeric_limits<int64_t>::max());
  CHECK(histogram.QuantileNs(0) == static_cast<double>(std::numeric_limits<int64_t>::max()));
  histogram.Clear();
  histogram.Add(std::numeric_limits<int64_t>::min());
  CHECK(histogram.negative_count() == 1);
  CHECK(histogram.QuantileNs(1) == static_cast<double>(std::numeric_limits<int64_t>::min()));
}

TEST_CASE("Histograms add up") {
  DelayHistogram all;
  DelayHistogram parts[3];
  std::mt19937_64 random(3);
  for (int i = 0; i < 3000; ++i) {
    const int64_t value = static_cast<int64_t>(random() % 1'000'000'000) - 1'000'000;
    all.Add(value);
    parts[i % 3].Add(value);
  }
  DelayHistogram sum;
  for (const DelayHistogram& part : parts) {
    sum.Add(part);
  }
  sum.Add(DelayHistogram());
  CHECK(sum.count() == all.count());
  CHECK(sum.negative_count() == all.negative_count());
  CHECK(sum.sum_ns() == all.sum_ns());
  CHECK(sum.least_ns() == all.least_ns());
  CHECK(sum.most_ns() == all.most_ns());
  for (const double quantile : {0.0, 0.3, 0.5, 0.99, 1.0}) {
    CHECK(sum.QuantileNs(quantile) == all.QuantileNs(quantile));
  }
}

TEST_CASE("Prometheus' buckets are exact at their bounds") {
  DelaySeries series;
  for (const double bound : kDelayBucketsSeconds) {
    const int64_t bound_ns = std::llround(bound * 1e9);
    series.Add(bound_ns, 0, kSecondNs);      // in this bucket
    series.Add(bound_ns + 1, 0, kSecondNs);  // in the next
  }
  series.Add(-5, 0, kSecondNs);
  const DelaySnapshot snapshot = series.Snapshot(0, kSecondNs);
  CHECK(snapshot.buckets[0] == 2);
  for (size_t i = 1; i < kDelayBucketsSeconds.size(); ++i) {
    CHECK(snapshot.buckets[i] == 2);
  }
  CHECK(snapshot.buckets.back() == 1);
  CHECK(snapshot.negative_count == 1);
}

TEST_CASE("A window holds the last seconds, the buckets everything") {
  DelaySeries series;
  for (int64_t second = 0; second < 100; ++second) {
    series.Add(second * 1'000'000, second, second * kSecondNs);
  }
  const int64_t now_ns = 99 * kSecondNs;
  CHECK(series.Snapshot(0, now_ns).count == 100);
  CHECK(series.Snapshot(10, now_ns).count == 20);
  CHECK(series.Snapshot(11, now_ns).count == 30);
  CHECK(series.Snapshot(60, now_ns).count == 70);
  CHECK(series.Snapshot(6000, now_ns).count == 70);
  CHECK(series.Snapshot(10, now_ns).min_seconds == Approx(0.080));
  CHECK(series.Snapshot(10, now_ns).error_bound_seconds == Approx(99e-9));
  CHECK(series.Snapshot(10, now_ns).sum_seconds == Approx(4.95));
  CHECK(series.Snapshot(10, now_ns + 200 * kSecondNs).count == 0);
  CHECK(series.Snapshot(0, now_ns + 200 * kSecondNs).count == 100);
}

TEST_CASE("A bad moment of the clock is not held against a series for ever") {
  DelaySeries series;
  constexpr int64_t kGoodNs = 10'000;
  constexpr int64_t kBadNs = 600'000;
  for (int i = 0; i < 10; ++i) {
    series.Add(1'000'000, kBadNs, kSecondNs);
  }
  // Few samples: the largest.
  CHECK(series.Snapshot(0, kSecondNs).error_bound_seconds == Approx(kBadNs * 1e-9));
  for (int64_t i = 0; i < 9'000; ++i) {
    series.Add(1'000'000, kGoodNs, kSecondNs + i * 10'000'000);
  }
  // Ten in 9,010 are more than one in a thousand; ten in 20,010 are not.
  CHECK(series.Snapshot(0, 91 * kSecondNs).error_bound_seconds == Approx(kBadNs * 1e-9));
  for (int64_t i = 0; i < 11'000; ++i) {
    series.Add(1'000'000, kGoodNs, 92 * kSecondNs);
  }
  const double bound_seconds = series.Snapshot(0, 92 * kSecondNs).error_bound_seconds;
  CHECK(bound_seconds >= kGoodNs * 1e-9);
  CHECK(bound_seconds <= kGoodNs * 1.02e-9);
  // In a window it is the largest of that window.
  CHECK(series.Snapshot(60, 92 * kSecondNs).error_bound_seconds == Approx(kGoodNs * 1e-9));
  // What nobody knows is not made good by being rare in a short series, nor bad by one in many.
  series.Add(1'000'000, ClockErrorBoard::kUnboundedNs, 93 * kSecondNs);
  CHECK(std::isfinite(series.Snapshot(0, 93 * kSecondNs).error_bound_seconds));
  CHECK(std::isinf(series.Snapshot(10, 93 * kSecondNs).error_bound_seconds));
}

}  // namespace
}  // namespace audio_latency::correlator
