#include "correlator/matching/matching_stage.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace audio_latency::correlator {
namespace {

using ObservationBlock = std::vector<Observation>;

// Decisions are looked for this often when nothing arrives.
constexpr std::chrono::milliseconds kIdlePeriod(20);

// One matcher with its queue and its thread.
class Shard {
 public:
  Shard(const FlowRegistry& flows, const Clock& clock, MatchSink& sink,
        const MatcherOptions& options, uint32_t max_queued)
      : clock_(clock),
        sink_(sink),
        max_queued_(max_queued),
        matcher_(flows, options),
        thread_([this] { Run(); }) {}

  ~Shard() {
    {
      const std::scoped_lock lock(mutex_);
      is_stopping_ = true;
    }
    has_work_.notify_one();
    thread_.join();
  }

  void Take(ObservationBlock block) {
    {
      const std::scoped_lock lock(mutex_);
      if (queued_ + block.size() > max_queued_) {
        queue_full_ += block.size();
        return;
      }
      queued_ += block.size();
      wait_.Add(clock_.NowNs());
      blocks_.push_back(std::move(block));
    }
    has_work_.notify_one();
  }

  MatchingCounters Counters() const {
    const std::scoped_lock lock(mutex_);
    MatchingCounters counters = counters_;
    counters.queue_full = queue_full_;
    counters.queued = queued_;
    counters.most_queued = max_queued_;
    return counters;
  }

  Backlog CurrentBacklog() const {
    const std::scoped_lock lock(mutex_);
    return {.used_share = static_cast<double>(queued_) / static_cast<double>(max_queued_),
            .oldest_wait_ns = wait_.OldestWaitNs(clock_.NowNs()),
            .room_events = max_queued_ - queued_};
  }

 private:
  void Run() {
    std::vector<ObservationBlock> blocks;
    std::vector<Match> matches;
    while (true) {
      blocks.clear();
      {
        std::unique_lock lock(mutex_);
        counters_ = matcher_.counters();
        wait_.Done();
        has_work_.wait_for(lock, kIdlePeriod, [this] { return is_stopping_ || !blocks_.empty(); });
        if (is_stopping_) {
          return;
        }
        blocks.swap(blocks_);
        queued_ = 0;
        wait_.Begin();
      }
      const int64_t now_ns = clock_.NowNs();
      for (const ObservationBlock& block : blocks) {
        matcher_.Add(block, now_ns);
      }
      matcher_.Decide(now_ns, &matches);
      if (!matches.empty()) {
        sink_.Take(std::exchange(matches, {}));
      }
    }
  }

  const Clock& clock_;
  MatchSink& sink_;
  const size_t max_queued_;
  std::condition_variable has_work_;
  // Guards what follows, to the matcher.
  mutable std::mutex mutex_;
  std::vector<ObservationBlock> blocks_;
  size_t queued_ = 0;
  WaitMeter wait_;
  uint64_t queue_full_ = 0;
  MatchingCounters counters_;
  bool is_stopping_ = false;
  Matcher matcher_;  // the thread's
  std::thread thread_;
};

class MatchingStageImplementation final : public MatchingStage {
 public:
  MatchingStageImplementation(const FlowRegistry& flows, const Clock& clock, MatchSink& sink,
                              const MatchingStageOptions& options) {
    const uint32_t count = std::max(options.threads, 1u);
    MatcherOptions matcher = options.matcher;
    matcher.table_events /= count;
    for (uint32_t i = 0; i < count; ++i) {
      shards_.push_back(std::make_unique<Shard>(flows, clock, sink, matcher, options.max_queued));
    }
  }

  void Take(std::span<const Observation> observations) override {
    if (shards_.size() == 1) {
      shards_[0]->Take(ObservationBlock(observations.begin(), observations.end()));
      return;
    }
    std::vector<ObservationBlock> blocks(shards_.size());
    for (ObservationBlock& block : blocks) {
      block.reserve(observations.size() / shards_.size() + observations.size() / 8 + 8);
    }
    for (const Observation& observation : observations) {
      blocks[ShardOf(observation.signature)].push_back(observation);
    }
    for (size_t i = 0; i < shards_.size(); ++i) {
      if (!blocks[i].empty()) {
        shards_[i]->Take(std::move(blocks[i]));
      }
    }
  }

  MatchingCounters Counters() const override {
    MatchingCounters sum;
    for (const auto& shard : shards_) {
      const MatchingCounters one = shard->Counters();
      sum.observations += one.observations;
      sum.matches += one.matches;
      sum.unique_links += one.unique_links;
      sum.lock_links += one.lock_links;
      sum.collisions += one.collisions;
      sum.unconfirmed += one.unconfirmed;
      sum.overwritten += one.overwritten;
      sum.late += one.late;
      sum.too_late += one.too_late;
      sum.out_of_range += one.out_of_range;
      sum.matched_observations += one.matched_observations;
      sum.unmatched_observations += one.unmatched_observations;
      sum.flooded_observations += one.flooded_observations;
      sum.placed_by_time += one.placed_by_time;
      sum.queue_full += one.queue_full;
      sum.queued += one.queued;
      sum.most_queued += one.most_queued;
      sum.most_observations += one.most_observations;
      sum.live_observations += one.live_observations;
      // Each matcher learns the pairs by itself; the most that one knows is how many there are.
      sum.locks = std::max(sum.locks, one.locks);
    }
    return sum;
  }

  Backlog CurrentBacklog() const override {
    Backlog worst;
    for (const auto& shard : shards_) {
      worst = Worse(worst, shard->CurrentBacklog());
    }
    // Signatures spread evenly.
    worst.room_events *= shards_.size();
    return worst;
  }

  std::vector<TableUse> Tables() const override {
    const MatchingCounters counters = Counters();
    return {{.table = "observations",
             .used = static_cast<double>(counters.live_observations),
             .limit = static_cast<double>(counters.most_observations),
             .evictions = static_cast<double>(counters.overwritten)},
            {.table = "matching_queue",
             .used = static_cast<double>(counters.queued),
             .limit = static_cast<double>(counters.most_queued),
             .evictions = static_cast<double>(counters.queue_full)}};
  }

 private:
  size_t ShardOf(uint64_t signature) const {
    const uint64_t mixed = (signature ^ (signature >> 32)) * 0xD6E8FEB86659FD93;
    return static_cast<size_t>(((mixed >> 32) * shards_.size()) >> 32);
  }

  std::vector<std::unique_ptr<Shard>> shards_;
};

}  // namespace

std::unique_ptr<MatchingStage> MatchingStage::Start(const FlowRegistry& flows,
                                                    const Clock& monotonic_clock, MatchSink& sink,
                                                    const MatchingStageOptions& options) {
  return std::make_unique<MatchingStageImplementation>(flows, monotonic_clock, sink, options);
}

}  // namespace audio_latency::correlator
