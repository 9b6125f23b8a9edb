#include "correlator/matching/matcher.h"

#include <algorithm>
#include <cstdlib>

namespace audio_latency::correlator {
namespace {

constexpr int64_t kMarkSpacingNs = 5'000'000;
// Further in the future than clocks' errors can explain.
constexpr int64_t kMaxAheadNs = 1'000'000'000;
constexpr int64_t kFloodPauseNs = 1'000'000'000;
constexpr int64_t kLockCountSpacingNs = 1'000'000'000;
constexpr size_t kPrefetchBatch = 16;
constexpr int kPrefetchDepth = 8;
// Links are looked for between all pairs of passages.
constexpr size_t kMaxPassages = 128;

}  // namespace

Matcher::Matcher(const FlowRegistry& flows, const MatcherOptions& options)
    : flows_(flows),
      options_(options),
      log_(options.table_events),
      memory_(options.decision.link),
      decision_(options.decision, &memory_, &counters_) {}

uint64_t Matcher::ArrivedBy(int64_t time_ns) const {
  const auto later =
      std::upper_bound(marks_.begin(), marks_.end(), time_ns,
                       [](int64_t time, const ArrivalMark& mark) { return time < mark.time_ns; });
  return later == marks_.begin() ? live_begin_ : std::prev(later)->end;
}

int64_t Matcher::OldestArrivalNs(int64_t now_ns) const {
  return now_ns - options_.decision.window_ns - options_.hold_ns - kMaxAheadNs;
}

void Matcher::Forget(int64_t now_ns) {
  const int64_t oldest_ns = OldestArrivalNs(now_ns);
  while (!marks_.empty() && marks_.front().time_ns < oldest_ns) {
    live_begin_ = marks_.front().end;
    marks_.pop_front();
  }
  // Nobody decided them in time.
  for (cursor_ = std::max(cursor_, log_.begin()); cursor_ < live_begin_; ++cursor_) {
    counters_.too_late += (log_.At(cursor_).flow_and_flags & kLogDecided) == 0;
  }
  live_begin_ = std::max(live_begin_, log_.begin());
  counters_.live_observations = log_.end() - live_begin_;
  counters_.most_observations = log_.capacity();
}

void Matcher::Add(std::span<const Observation> observations, int64_t now_ns) {
  counters_.observations += observations.size();
  const int64_t oldest_ns = now_ns - options_.decision.window_ns;
  const int64_t waited_ns = now_ns - options_.hold_ns;
  const int64_t newest_ns = now_ns + kMaxAheadNs;
  accepted_.clear();
  for (const Observation& observation : observations) {
    if (observation.time_ns < oldest_ns) {
      ++counters_.too_late;
    } else if (observation.time_ns > newest_ns) {
      ++counters_.out_of_range;
    } else {
      counters_.late += observation.time_ns < waited_ns;
      accepted_.push_back(observation);
    }
  }
  counters_.overwritten += log_.Append(accepted_, cursor_);
  cursor_ = std::max(cursor_, log_.begin());
  if (marks_.size() > 1 && now_ns - marks_[marks_.size() - 2].time_ns < kMarkSpacingNs) {
    marks_.back() = {.end = log_.end(), .time_ns = now_ns};
  } else {
    marks_.push_back({.end = log_.end(), .time_ns = now_ns});
  }
  Forget(now_ns);
}

void Matcher::Decide(int64_t now_ns, std::vector<Match>* matches) {
  Forget(now_ns);
  const uint64_t end = ArrivedBy(now_ns - options_.hold_ns);
  settled_end_ = std::max(end, ArrivedBy(now_ns - options_.hold_ns / 2));
  std::array<uint64_t, kPrefetchBatch> batch;
  while (cursor_ < end) {
    size_t count = 0;
    for (; cursor_ < end && count < batch.size(); ++cursor_) {
      if ((log_.At(cursor_).flow_and_flags & kLogDecided) == 0) {
        batch[count++] = cursor_;
      }
    }
    Prefetch({batch.data(), count});
    for (size_t i = 0; i < count; ++i) {
      if ((log_.At(batch[i]).flow_and_flags & kLogDecided) == 0) {
        DecideAt(batch[i], now_ns, matches);
      }
    }
  }
  if (now_ns - locks_counted_ns_ >= kLockCountSpacingNs) {
    locks_counted_ns_ = now_ns;
    counters_.locks = memory_.CountLocks(now_ns);
    // It may have been as old as the window when it arrived.
    memory_.Forget(OldestArrivalNs(now_ns) - options_.decision.window_ns);
  }
}

// Walks the chains of a batch in step, so that the memory's delay is paid once for all.
void Matcher::Prefetch(std::span<const uint64_t> sequences) {
  std::array<uint64_t, kPrefetchBatch> at;
  for (const uint64_t sequence : sequences) {
    log_.PrefetchIndex(log_.At(sequence).signature());
  }
  for (size_t i = 0; i < sequences.size(); ++i) {
    at[i] = log_.ChainHead(log_.At(sequences[i]).signature());
    log_.PrefetchEntry(at[i]);
  }
  for (int depth = 0; depth < kPrefetchDepth; ++depth) {
    for (size_t i = 0; i < sequences.size(); ++i) {
      if (at[i] > sequences[i]) {
        at[i] = log_.ChainNext(at[i]);
        log_.PrefetchEntry(at[i]);
      }
    }
  }
}

bool Matcher::Gather(uint64_t from, int64_t now_ns) {
  const uint64_t signature = log_.At(from).signature();
  const int64_t near_ns = ObservationLog::TimeNs(log_.At(from), now_ns);
  observations_.clear();
  // What the index gave up is still reached from the entry itself, but for what came later.
  for (uint64_t sequence = std::max(log_.ChainHead(signature), from); sequence >= live_begin_;
       sequence = log_.ChainNext(sequence)) {
    const LogEntry& entry = log_.At(sequence);
    if (entry.signature() != signature) {
      continue;
    }
    const int64_t time_ns = ObservationLog::TimeNs(entry, now_ns);
    if (std::abs(time_ns - near_ns) > options_.decision.window_ns) {
      continue;
    }
    if (observations_.size() == options_.max_group) {
      return false;
    }
    observations_.push_back({.sequence = sequence,
                             .time_ns = time_ns,
                             .flow = entry.flow(),
                             .position = entry.position,
                             .flags = entry.flow_and_flags & kLogFlagsMask,
                             .link = entry.link,
                             .record = &flows_.RecordAt(entry.flow(), time_ns)});
    if (observations_.back().record->direction == Direction::kUnknown) {
      homes_.Note(*observations_.back().record);
    }
  }
  return true;
}

void Matcher::ConnectEarlierLinks() {
  for (PiecePassage& passage : passages_) {
    if (!passage.linked) {
      continue;
    }
    for (size_t i = 0; i < passages_.size() && passage.predecessor < 0; ++i) {
      for (uint32_t j = passages_[i].begin; j < passages_[i].end; ++j) {
        if (static_cast<uint32_t>(observations_[j].sequence) == passage.link) {
          passage.predecessor = static_cast<int16_t>(i);
          break;
        }
      }
    }
  }
}

void Matcher::DecideAt(uint64_t sequence, int64_t now_ns, std::vector<Match>* matches) {
  LogEntry& entry = log_.At(sequence);
  const uint64_t signature = entry.signature();
  Flood& flood = floods_[(signature >> 20) % floods_.size()];
  if (flood.signature == signature && now_ns < flood.until_ns) {
    entry.flow_and_flags |= kLogDecided;
    ++counters_.flooded_observations;
    return;
  }
  passages_.clear();
  bool is_bounded = Gather(sequence, now_ns);
  if (is_bounded) {
    BuildPassages(flows_, homes_, &observations_, &passages_);
    is_bounded = passages_.size() <= kMaxPassages;
  }
  if (!is_bounded) {
    flood = {.signature = signature, .until_ns = now_ns + kFloodPauseNs};
    entry.flow_and_flags |= kLogDecided;
    ++counters_.flooded_observations;
    ++counters_.collisions;
    return;
  }
  ConnectEarlierLinks();
  decision_.Decide(passages_, settled_end_);
  Emit(signature, matches);
  WriteBack();
}

void Matcher::AppendTree(size_t passage, int16_t predecessor, Match* match) {
  const PiecePassage& piece = passages_[passage];
  const int16_t index = static_cast<int16_t>(match->passages.size());
  tree_.push_back(passage);
  match->passages.push_back({.conversation = piece.conversation,
                             .position = piece.position,
                             .first = piece.first,
                             .last = piece.last,
                             .source_seen = piece.source_seen,
                             .destination_seen = piece.destination_seen,
                             .predecessor = predecessor,
                             .decision = piece.decision,
                             .transit_reported = piece.transit_reported,
                             .link_reported = piece.linked && !piece.link_is_new});
  for (size_t i = 0; i < passages_.size(); ++i) {
    if (passages_[i].predecessor == static_cast<int16_t>(passage)) {
      AppendTree(i, index, match);
    }
  }
}

void Matcher::Emit(uint64_t signature, std::vector<Match>* matches) {
  for (size_t root = 0; root < passages_.size(); ++root) {
    if (passages_[root].predecessor >= 0) {
      continue;
    }
    tree_.clear();
    Match match{.signature = signature, .passages = {}};
    match.passages.reserve(passages_.size());
    AppendTree(root, -1, &match);
    const bool is_settled = passages_[root].oldest_sequence < settled_end_;
    bool is_news = false;
    bool is_first = true;
    for (const Passage& passage : match.passages) {
      const bool has_transit = passage.first.flow != passage.last.flow;
      is_news |= is_settled && has_transit && !passage.transit_reported;
      is_news |= passage.predecessor >= 0 && !passage.link_reported;
      is_first &= !passage.transit_reported && !passage.link_reported;
    }
    if (is_news) {
      counters_.matches += is_first;
      for (const size_t passage : tree_) {
        passages_[passage].is_told = true;
      }
      matches->push_back(std::move(match));
    }
  }
}

uint32_t Matcher::FlagsAfter(const PiecePassage& passage) const {
  uint32_t flags = 0;
  if (passage.oldest_sequence < settled_end_) {
    flags |= kLogDecided;
  }
  if (passage.is_told && passage.first.flow != passage.last.flow) {
    flags |= kLogTransitReported;
  }
  if (passage.link_is_new) {
    flags |= kLogLinked | (passage.decision == Decision::kLock ? kLogLinkedByLock : 0u);
  }
  if (passage.collided) {
    flags |= kLogCollided;
  }
  return flags;
}

void Matcher::WriteBack() {
  for (const PiecePassage& passage : passages_) {
    const uint32_t flags = FlagsAfter(passage);
    counters_.placed_by_time +=
        passage.is_placed_by_time && passage.is_fresh && (flags & kLogDecided) != 0;
    uint32_t link = passage.link;
    if (passage.link_is_new) {
      const PiecePassage& predecessor = passages_[static_cast<size_t>(passage.predecessor)];
      link = static_cast<uint32_t>(observations_[predecessor.begin].sequence);
    }
    const bool is_matched = passage.is_told || passage.transit_reported || passage.linked;
    uint64_t& decided =
        is_matched ? counters_.matched_observations : counters_.unmatched_observations;
    for (uint32_t i = passage.begin; i < passage.end; ++i) {
      LogEntry& entry = log_.At(observations_[i].sequence);
      decided += (flags & ~entry.flow_and_flags & kLogDecided) != 0;
      entry.flow_and_flags |= flags;
      entry.link = link;
    }
  }
}

}  // namespace audio_latency::correlator
