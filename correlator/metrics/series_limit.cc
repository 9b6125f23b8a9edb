#include "correlator/metrics/series_limit.h"

#include <algorithm>
#include <utility>

namespace audio_latency::correlator {
namespace {

constexpr const char* kOther = "other";

}  // namespace

SeriesLimit::Key SeriesLimit::KeyOf(const Series& series) {
  Key key;
  key.reserve(series.labels.size());
  for (const prometheus::ClientMetric::Label& label : series.labels) {
    key.push_back(label.value);
  }
  return key;
}

void SeriesLimit::Add(const std::vector<double>& from, std::vector<double>* to) const {
  to->resize(std::max(to->size(), from.size()));
  for (size_t i = 0; i < from.size(); ++i) {
    double& number = (*to)[i];
    number = combine_ == Combine::kSum ? number + from[i] : std::max(number, from[i]);
  }
}

std::map<SeriesLimit::Key, Series> SeriesLimit::MergeEqualLabels(std::vector<Series> series) const {
  std::map<Key, Series> merged;
  for (Series& one : series) {
    Key key = KeyOf(one);
    if (const auto found = merged.find(key); found != merged.end()) {
      Add(one.numbers, &found->second.numbers);
    } else {
      merged.emplace(std::move(key), std::move(one));
    }
  }
  return merged;
}

void SeriesLimit::ForgetGone(const std::map<Key, Series>& present) {
  std::erase_if(own_place_, [&present](const Key& key) { return !present.contains(key); });
  std::erase_if(in_other_, [this, &present](const auto& entry) {
    if (present.contains(entry.first)) {
      return false;
    }
    if (combine_ == Combine::kSum) {
      Add(entry.second, &gone_);
    }
    return true;
  });
}

std::vector<Series> SeriesLimit::Apply(std::vector<Series> series) {
  // Who came first in this scrape (the busiest) gets the free places.
  std::vector<Key> order;
  order.reserve(series.size());
  for (const Series& one : series) {
    order.push_back(KeyOf(one));
  }
  std::map<Key, Series> present = MergeEqualLabels(std::move(series));
  ForgetGone(present);

  std::vector<Series> kept;
  Series other;
  other.numbers = gone_;
  for (const Key& key : order) {
    const auto found = present.find(key);
    if (found == present.end()) {
      continue;  // the second of two with the same labels
    }
    Series one = std::move(found->second);
    present.erase(found);
    if (!in_other_.contains(key) &&
        (own_place_.contains(key) || own_place_.size() < most_series_)) {
      own_place_.insert(key);
      kept.push_back(std::move(one));
      continue;
    }
    other.labels = std::move(one.labels);
    Add(one.numbers, &other.numbers);
    in_other_[key] = std::move(one.numbers);
  }
  if (!in_other_.empty() || !gone_.empty()) {
    if (other.labels.empty() && !kept.empty()) {
      other.labels = kept.front().labels;
    }
    for (prometheus::ClientMetric::Label& label : other.labels) {
      label.value = kOther;
    }
    if (!other.labels.empty()) {
      kept.push_back(std::move(other));
    }
  }
  return kept;
}

}  // namespace audio_latency::correlator
