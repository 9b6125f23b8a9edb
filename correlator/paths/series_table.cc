#include "correlator/paths/series_table.h"

#include <algorithm>
#include <bit>
#include <tuple>
#include <utility>

namespace audio_latency::correlator {
namespace {

constexpr const char* kOther = "other";
constexpr int64_t kSecondNs = 1'000'000'000;
// A hop of an endpoint that is gone (FlowRegistry::IsGone) goes after this: long enough that
// Prometheus has taken its last samples.
constexpr int64_t kGoneNs = 5LL * 60 * kSecondNs;

// By workload: what the pods of a workload share.
Endpoint WithoutPod(Endpoint endpoint) {
  endpoint.pod.clear();
  endpoint.node.clear();
  endpoint.address = IpAddress();
  return endpoint;
}

Endpoint OtherEndpoint() {
  Endpoint endpoint;
  endpoint.pod = kOther;
  endpoint.workload = kOther;
  return endpoint;
}

bool ComesFirst(const PathSnapshot& a, const PathSnapshot& b) { return a.path < b.path; }

bool ComesFirst(const HopSnapshot& a, const HopSnapshot& b) {
  const auto key = [](const HopSnapshot& hop) {
    return std::tie(hop.source.namespace_name, hop.source.pod, hop.source.address,
                    hop.destination.namespace_name, hop.destination.pod, hop.destination.address,
                    hop.kind);
  };
  return key(a) < key(b);
}

// Ties by name: the tables they come from have another order in every run.
template <typename Snapshot>
void SortBusiestFirst(std::vector<Snapshot>* snapshots) {
  std::sort(snapshots->begin(), snapshots->end(), [](const Snapshot& a, const Snapshot& b) {
    return a.delay.count != b.delay.count ? a.delay.count > b.delay.count : ComesFirst(a, b);
  });
}

}  // namespace

PathSeries::PathSeries(std::string path, const std::vector<PathStep>& steps)
    : path_(std::move(path)) {
  for (const PathStep& step : steps) {
    Hop& hop = hops_.emplace_back();
    hop.kind = step.kind;
    hop.source = step.source;
    hop.destination = step.destination;
  }
}

void PathSeries::NoteSecond(int64_t end_ns) {
  const int64_t second = end_ns / kSecondNs;
  if (last_second_ < 0) {
    first_second_ = last_second_ = second;
    covered_seconds_ = 1;
    latest_seconds_ = 1;
    return;
  }
  if (second > last_second_) {
    const int64_t ahead = second - last_second_;
    latest_seconds_ = ahead < 64 ? latest_seconds_ << ahead : 0;
    latest_seconds_ |= 1;
    last_second_ = second;
    ++covered_seconds_;
    return;
  }
  const int64_t behind = last_second_ - second;
  if (behind < 64 && (latest_seconds_ >> behind & 1) == 0) {
    latest_seconds_ |= uint64_t{1} << behind;
    first_second_ = std::min(first_second_, second);
    ++covered_seconds_;
  }
}

void PathSeries::Add(const DelaySample& sample, const std::vector<PathStep>& steps, int64_t end_ns,
                     int64_t now_ns, const MatchBlock& block, size_t match) {
  delay_.Add(sample.delay_ns, sample.error_bound_ns, now_ns);
  newest_end_ns_ = std::max(newest_end_ns_, end_ns);
  NoteSecond(end_ns);
  if (newest_block_ != block) {
    newest_block_ = block;
  }
  newest_match_ = match;
  for (size_t i = 0; i < hops_.size() && i < steps.size(); ++i) {
    Hop& hop = hops_[i];
    hop.several_sources |= hop.source != steps[i].source;
    hop.several_destinations |= hop.destination != steps[i].destination;
    if (steps[i].sample.has_value()) {
      hop.delay.Add(steps[i].sample->delay_ns, steps[i].sample->error_bound_ns, now_ns);
    }
  }
}

PathSnapshot PathSeries::Snapshot(const FlowRegistry& flows, uint32_t window_seconds,
                                  int64_t now_ns, int64_t unix_minus_monotonic_ns) const {
  PathSnapshot snapshot;
  snapshot.path = path_;
  snapshot.delay = delay_.Snapshot(window_seconds, now_ns);
  snapshot.coverage =
      static_cast<double>(covered_seconds_) / static_cast<double>(last_second_ - first_second_ + 1);
  snapshot.last_seen_unix_ns = newest_end_ns_ + unix_minus_monotonic_ns;
  for (const Hop& hop : hops_) {
    const Endpoint& source = flows.EndpointOf(hop.source);
    const Endpoint& destination = flows.EndpointOf(hop.destination);
    snapshot.hops.push_back(
        {.kind = hop.kind,
         .source = hop.several_sources ? WithoutPod(source) : source,
         .destination = hop.several_destinations ? WithoutPod(destination) : destination,
         .delay = hop.delay.Snapshot(window_seconds, now_ns)});
  }
  return snapshot;
}

SeriesTable::SeriesTable(const FlowRegistry* flows, size_t max_series)
    : flows_(*flows), max_series_(max_series) {}

void SeriesTable::AddHop(HopKind kind, EndpointId source, EndpointId destination,
                         const DelaySample& sample, int64_t now_ns) {
  const HopKey key{kind, source, destination};
  auto found = hops_.find(key);
  if (found == hops_.end() && hops_.size() < max_series_) {
    found = hops_.emplace(key, std::make_unique<DelaySeries>()).first;
  }
  DelaySeries* series = nullptr;
  if (found != hops_.end()) {
    series = found->second.get();
  } else {
    ++hop_samples_in_other_;
    std::unique_ptr<DelaySeries>& other =
        kind == HopKind::kTransit ? other_transit_ : other_processing_;
    if (other == nullptr) {
      other = std::make_unique<DelaySeries>();
    }
    series = other.get();
  }
  series->Add(sample.delay_ns, sample.error_bound_ns, now_ns);
}

std::string SeriesTable::PathText(const std::vector<std::string>& names, size_t begin, size_t end) {
  std::string text;
  for (size_t i = begin; i < end; ++i) {
    text += i == begin ? "" : " > ";
    text += names[i];
  }
  return text;
}

void SeriesTable::NoteParts(const std::vector<std::string>& names) {
  for (size_t length = 2; length < names.size(); ++length) {
    prefixes_.insert(PathText(names, 0, length));
    suffixes_.insert(PathText(names, names.size() - length, names.size()));
  }
}

PathSeries* SeriesTable::Path(const std::vector<std::string>& names,
                              const std::vector<PathStep>& steps) {
  std::string text = PathText(names, 0, names.size());
  if (const auto found = paths_.find(text); found != paths_.end()) {
    return found->second.get();
  }
  if (paths_.size() >= max_series_) {
    ++path_samples_in_other_;
    if (other_path_ == nullptr) {
      other_path_ = std::make_unique<PathSeries>(kOther, std::vector<PathStep>());
    }
    return other_path_.get();
  }
  auto series = std::make_unique<PathSeries>(text, steps);
  PathSeries* const result = series.get();
  paths_.emplace(std::move(text), std::move(series));
  path_names_.push_back(names);
  NoteParts(names);
  return result;
}

void SeriesTable::ForgetIdle(int64_t now_ns) {
  const auto is_idle = [now_ns](const auto& entry) {
    return now_ns - entry.second->newest_ns() > kIdleNs;
  };
  absl::erase_if(hops_, [&](const auto& entry) {
    const auto& [kind, source, destination] = entry.first;
    const bool is_gone = flows_.IsGone(source) || flows_.IsGone(destination);
    return now_ns - entry.second->newest_ns() > (is_gone ? kGoneNs : kIdleNs);
  });
  if (absl::erase_if(paths_, is_idle) == 0) {
    return;
  }
  ++generation_;
  std::erase_if(path_names_, [this](const std::vector<std::string>& names) {
    return !paths_.contains(PathText(names, 0, names.size()));
  });
  prefixes_.clear();
  suffixes_.clear();
  for (const std::vector<std::string>& names : path_names_) {
    NoteParts(names);
  }
}

std::vector<PathSnapshot> SeriesTable::Paths(uint32_t window_seconds, int64_t now_ns,
                                             int64_t unix_minus_monotonic_ns) const {
  std::vector<PathSnapshot> snapshots;
  snapshots.reserve(paths_.size() + 1);
  const auto add = [&](const PathSeries& series) {
    PathSnapshot snapshot =
        series.Snapshot(flows_, window_seconds, now_ns, unix_minus_monotonic_ns);
    if (snapshot.delay.count > 0) {
      snapshots.push_back(std::move(snapshot));
    }
  };
  for (const auto& [path, series] : paths_) {
    add(*series);
  }
  if (other_path_ != nullptr) {
    add(*other_path_);
  }
  SortBusiestFirst(&snapshots);
  return snapshots;
}

std::vector<HopSnapshot> SeriesTable::Hops(uint32_t window_seconds, int64_t now_ns) const {
  std::vector<HopSnapshot> snapshots;
  snapshots.reserve(hops_.size() + 2);
  const auto add = [&](HopKind kind, const Endpoint& source, const Endpoint& destination,
                       const DelaySeries& series) {
    DelaySnapshot delay = series.Snapshot(window_seconds, now_ns);
    if (delay.count > 0) {
      snapshots.push_back(
          {.kind = kind, .source = source, .destination = destination, .delay = delay});
    }
  };
  for (const auto& [key, series] : hops_) {
    add(std::get<0>(key), flows_.EndpointOf(std::get<1>(key)), flows_.EndpointOf(std::get<2>(key)),
        *series);
  }
  if (other_transit_ != nullptr) {
    add(HopKind::kTransit, OtherEndpoint(), OtherEndpoint(), *other_transit_);
  }
  if (other_processing_ != nullptr) {
    add(HopKind::kProcessing, OtherEndpoint(), OtherEndpoint(), *other_processing_);
  }
  SortBusiestFirst(&snapshots);
  return snapshots;
}

}  // namespace audio_latency::correlator
