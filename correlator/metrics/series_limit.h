// Bounds the number of series of a metric family: what is beyond the limit becomes one series.

#ifndef CORRELATOR_METRICS_SERIES_LIMIT_H_
#define CORRELATOR_METRICS_SERIES_LIMIT_H_

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "common/metrics/metrics_text.h"

namespace audio_latency::correlator {

// A series on its way to a page: a histogram's buckets and sum, or a counter's or gauge's value.
struct Series {
  MetricLabels labels;
  std::vector<double> numbers;
  // Of those with the same labels, which one (SteadySums).
  std::string member = {};
};

// The first series to come keep a place of their own for as long as they exist; the rest are put
// together in a series whose labels all say "other". A series that is in `other` stays there, and
// what it counted stays when it is gone, so that `other` never counts backwards. Not thread-safe.
class SeriesLimit {
 public:
  // How series of the same labels, and those in `other`, are put together.
  enum class Combine { kSum, kMax };

  SeriesLimit(size_t most_series, Combine combine) : most_series_(most_series), combine_(combine) {}

  // One call a scrape. All series have the same label names and as many numbers.
  std::vector<Series> Apply(std::vector<Series> series);

  // How many series are in `other` now.
  size_t limited() const { return in_other_.size(); }

  using Key = std::vector<std::string>;  // the labels' values
  static Key KeyOf(const Series& series);

 private:
  void Add(const std::vector<double>& from, std::vector<double>* to) const;
  std::map<Key, Series> MergeEqualLabels(std::vector<Series> series) const;
  void ForgetGone(const std::map<Key, Series>& present);

  const size_t most_series_;
  const Combine combine_;
  std::set<Key> own_place_;
  // What each counted when it was seen last.
  std::map<Key, std::vector<double>> in_other_;
  // What those counted that were in `other` and are gone.
  std::vector<double> gone_;
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_METRICS_SERIES_LIMIT_H_
