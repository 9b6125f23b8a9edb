#include "correlator/paths/path_aggregator.h"

#include <algorithm>
#include <cstdlib>

#include "common/wire/event_columns.h"
#include "correlator/clock/node_clock.h"
#include "correlator/matching/observation_log.h"

namespace audio_latency::correlator {
namespace {

// Routes that were not used for this long are looked up anew: their numbers may mean others.
constexpr int64_t kRouteLifeNs = 30'000'000'000;
constexpr int64_t kCleaningNs = 10'000'000'000;

}  // namespace

size_t PathState::WindowIndex(uint32_t window_seconds) {
  const uint32_t window = std::min(window_seconds, DelaySeries::kLongestWindowSeconds);
  return (window + 9) / 10;
}

PathAggregator::PathAggregator(const FlowRegistry* flows, const ClockErrorBoard* clock_errors,
                               size_t max_series)
    : flows_(*flows), clock_errors_(*clock_errors), series_(flows, max_series) {}

DelaySample PathAggregator::Delay(const MatchPoint& from, const MatchPoint& to) const {
  const NodeId from_node = flows_.Record(from.flow).node;
  const NodeId to_node = flows_.Record(to.flow).node;
  DelaySample sample{.delay_ns = to.time_ns - from.time_ns};
  // Both times are rounded in the log, by half of its unit.
  sample.error_bound_ns = kLogTimeUnitNs;
  const int64_t own_clock_step_ns = clock_errors_.OwnClockStepNs(from_node);
  if (from_node == to_node && own_clock_step_ns > 0) {
    sample.error_bound_ns += own_clock_step_ns;
  } else if (from_node == to_node) {
    // One clock: only its rounding, and how fast the correlator's idea of it may move.
    sample.error_bound_ns +=
        wire::kTimeUnitNs +
        static_cast<int64_t>(static_cast<double>(std::abs(sample.delay_ns)) * NodeClock::kMaxSlew);
  } else {
    const int64_t from_ns = clock_errors_.ErrorBoundNs(from_node);
    const int64_t to_ns = clock_errors_.ErrorBoundNs(to_node);
    if (from_ns == ClockErrorBoard::kUnboundedNs || to_ns == ClockErrorBoard::kUnboundedNs) {
      sample.error_bound_ns = ClockErrorBoard::kUnboundedNs;
    } else {
      sample.error_bound_ns += from_ns + to_ns;
    }
  }
  return sample;
}

void PathAggregator::Take(const MatchBlock& block, int64_t now_ns) {
  for (size_t i = 0; i < block->size(); ++i) {
    TakeMatch(block, i, now_ns);
  }
}

void PathAggregator::TakeMatch(const MatchBlock& block, size_t match, int64_t now_ns) {
  const std::vector<Passage>& passages = (*block)[match].passages;
  has_successor_.assign(passages.size(), 0);
  for (const Passage& passage : passages) {
    conversations_.Touch(passage.conversation, now_ns);
    const FlowRecord& record = flows_.RecordAt(passage.first.flow, passage.first.time_ns);
    if (passage.first.flow != passage.last.flow && !passage.transit_reported) {
      series_.AddHop(HopKind::kTransit, record.source, record.destination,
                     Delay(passage.first, passage.last), now_ns);
    }
    if (passage.predecessor < 0) {
      continue;
    }
    const size_t predecessor = static_cast<size_t>(passage.predecessor);
    has_successor_[predecessor] = 1;
    if (passage.link_reported) {
      continue;
    }
    const Passage& before = passages[predecessor];
    conversations_.Touch(before.conversation, now_ns).has_successor = true;
    conversations_.Touch(passage.conversation, now_ns).has_predecessor = true;
    if (before.destination_seen && passage.source_seen) {
      series_.AddHop(HopKind::kProcessing, record.source, record.source,
                     Delay(before.last, passage.first), now_ns);
    }
  }
  for (size_t leaf = 0; leaf < passages.size(); ++leaf) {
    if (has_successor_[leaf] == 0) {
      TakePath(block, match, leaf, now_ns);
    }
  }
}

void PathAggregator::TakePath(const MatchBlock& block, size_t match, size_t leaf, int64_t now_ns) {
  const std::vector<Passage>& passages = (*block)[match].passages;
  way_.clear();
  bool is_news =
      passages[leaf].first.flow != passages[leaf].last.flow && !passages[leaf].transit_reported;
  for (int16_t i = static_cast<int16_t>(leaf); i >= 0;
       i = passages[static_cast<size_t>(i)].predecessor) {
    const Passage& passage = passages[static_cast<size_t>(i)];
    way_.push_back(static_cast<size_t>(i));
    is_news |= passage.predecessor >= 0 && !passage.link_reported;
  }
  if (!is_news) {
    return;
  }
  const Passage& origin = passages[way_.back()];
  const Passage& end = passages[leaf];
  // An origin that was linked to what is no longer in sight is no origin.
  if (!origin.source_seen || !end.destination_seen || origin.link_reported) {
    ++incomplete_;
    return;
  }
  candidate_.route.clear();
  candidate_.steps.clear();
  for (size_t i = way_.size(); i-- > 0;) {
    const Passage& passage = passages[way_[i]];
    const FlowRecord& record = flows_.RecordAt(passage.first.flow, passage.first.time_ns);
    candidate_.route.push_back(passage.conversation);
    if (passage.predecessor >= 0) {
      const Passage& before = passages[way_[i + 1]];
      PathStep& inside = candidate_.steps.emplace_back();
      inside = {.kind = HopKind::kProcessing,
                .source = record.source,
                .destination = record.source,
                .sample = std::nullopt};
      if (before.destination_seen && passage.source_seen) {
        inside.sample = Delay(before.last, passage.first);
      }
    }
    PathStep& transit = candidate_.steps.emplace_back();
    transit = {.kind = HopKind::kTransit,
               .source = record.source,
               .destination = record.destination,
               .sample = std::nullopt};
    if (passage.first.flow != passage.last.flow) {
      transit.sample = Delay(passage.first, passage.last);
    }
  }
  candidate_.sample = Delay(origin.first, end.last);
  candidate_.end_ns = end.last.time_ns;
  candidate_.block = block;
  candidate_.match = match;
  const int64_t youngest_ns = std::max(conversations_[origin.conversation].first_seen_ns,
                                       conversations_[end.conversation].first_seen_ns);
  candidate_.release_ns = youngest_ns + kYoungNs;
  if (candidate_.release_ns <= now_ns) {
    Tell(candidate_, now_ns);
  } else if (pending_.size() < kMaxPending) {
    pending_.push_back(candidate_);
  } else {
    ++pending_full_;
  }
}

PathAggregator::KnownRoute& PathAggregator::Find(const Candidate& candidate, int64_t now_ns) {
  if (routes_.size() >= kMaxRoutes && !routes_.contains(candidate.route)) {
    routes_forgotten_ += routes_.size();
    routes_.clear();
  }
  KnownRoute& known = routes_[candidate.route];
  ends_.assign(1, candidate.steps.front().source);
  for (const PathStep& step : candidate.steps) {
    if (step.kind == HopKind::kTransit) {
      ends_.push_back(step.destination);
    }
  }
  if (known.ends != ends_ || now_ns - known.last_used_ns > kRouteLifeNs) {
    known.ends = ends_;
    known.names.clear();
    for (const EndpointId end : ends_) {
      known.names.push_back(flows_.EndpointOf(end).PathName());
    }
    known.path = SeriesTable::PathText(known.names, 0, known.names.size());
    known.series = nullptr;
  }
  known.last_used_ns = now_ns;
  return known;
}

bool PathAggregator::IsComplete(const Candidate& candidate) const {
  return !conversations_[candidate.route.back()].has_successor &&
         !conversations_[candidate.route.front()].has_predecessor;
}

void PathAggregator::Tell(const Candidate& candidate, int64_t now_ns) {
  if (!IsComplete(candidate)) {
    ++incomplete_;
    return;
  }
  KnownRoute& known = Find(candidate, now_ns);
  const auto is_unproven = [&](ConversationId conversation) {
    return now_ns - conversations_[conversation].first_seen_ns < kUnprovenNs;
  };
  if ((is_unproven(candidate.route.back()) && series_.IsPrefix(known.path)) ||
      (is_unproven(candidate.route.front()) && series_.IsSuffix(known.path))) {
    ++incomplete_;
    return;
  }
  if (known.series == nullptr || known.generation != series_.generation()) {
    known.series = series_.Path(known.names, candidate.steps);
    known.generation = series_.generation();
  }
  known.series->Add(candidate.sample, candidate.steps, candidate.end_ns, now_ns, candidate.block,
                    candidate.match);
}

void PathAggregator::Tick(int64_t now_ns) {
  while (!pending_.empty() && pending_.front().release_ns <= now_ns) {
    Tell(pending_.front(), now_ns);
    pending_.pop_front();
  }
  if (now_ns - last_cleaning_ns_ >= kCleaningNs) {
    last_cleaning_ns_ = now_ns;
    series_.ForgetIdle(now_ns);
    absl::erase_if(routes_, [&](const auto& route) {
      return now_ns - route.second.last_used_ns > kRouteLifeNs;
    });
  }
}

std::shared_ptr<const PathState> PathAggregator::State(
    int64_t now_ns, int64_t unix_minus_monotonic_ns,
    const std::array<bool, PathState::kWindows>& windows) const {
  auto state = std::make_shared<PathState>();
  state->windows = windows;
  for (size_t i = 0; i < PathState::kWindows; ++i) {
    if (!windows[i]) {
      continue;
    }
    const uint32_t window_seconds = static_cast<uint32_t>(i * 10);
    state->paths[i] = series_.Paths(window_seconds, now_ns, unix_minus_monotonic_ns);
    state->hops[i] = series_.Hops(window_seconds, now_ns);
  }
  for (const auto& [path, series] : series_.paths()) {
    if (series->newest_block() != nullptr && now_ns - series->newest_ns() < MatchLog::kMaxAgeNs) {
      state->newest[path] = {.time_ns = series->newest_ns(),
                             .block = series->newest_block(),
                             .match = series->newest_match()};
    }
  }
  state->drops = {{"incomplete_path", static_cast<double>(incomplete_)},
                  {"pending_paths_full", static_cast<double>(pending_full_)},
                  {"hop_series_full", static_cast<double>(series_.hop_samples_in_other())},
                  {"path_series_full", static_cast<double>(series_.path_samples_in_other())}};
  const auto table = [&](const char* name, size_t used, size_t limit, uint64_t evictions) {
    state->tables.push_back({.table = name,
                             .used = static_cast<double>(used),
                             .limit = static_cast<double>(limit),
                             .evictions = static_cast<double>(evictions)});
  };
  table("hops", series_.hop_count(), series_.max_series(), series_.hop_samples_in_other());
  table("paths", series_.paths().size(), series_.max_series(), series_.path_samples_in_other());
  table("routes", routes_.size(), kMaxRoutes, routes_forgotten_);
  table("pending_paths", pending_.size(), kMaxPending, pending_full_);
  return state;
}

}  // namespace audio_latency::correlator
