#include "correlator/paths/path_stage.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "common/loss/causes.h"
#include "correlator/paths/match_log.h"
#include "correlator/paths/path_aggregator.h"

namespace audio_latency::correlator {
namespace {

constexpr std::chrono::milliseconds kIdlePeriod(50);
// With more series than this, making what readers see takes long enough to do it less often.
constexpr size_t kManySeries = 400;
// What readers see of a window is made while somebody asks for it this often: with 400 hops all
// seven windows take 0.1 s, with 2000 a second.
constexpr std::chrono::seconds kWantedFor(20);
constexpr std::chrono::seconds kMostWait(3);

class PathStageImplementation final : public PathStage {
 public:
  PathStageImplementation(const FlowRegistry& flows, const ClockErrorBoard& clock_errors,
                          const Clock& monotonic_clock, const Clock& realtime_clock,
                          const PathStageOptions& options)
      : monotonic_clock_(monotonic_clock),
        realtime_clock_(realtime_clock),
        max_queued_(options.max_queued),
        log_(&monotonic_clock),
        state_(std::make_shared<PathState>()),
        aggregator_(&flows, &clock_errors, options.max_series),
        thread_([this] { Run(); }) {}

  ~PathStageImplementation() override {
    {
      const std::scoped_lock lock(mutex_);
      is_stopping_ = true;
    }
    has_work_.notify_one();
    thread_.join();
  }

  void Take(std::vector<Match> matches) override {
    const size_t count = matches.size();
    auto block = std::make_shared<const std::vector<Match>>(std::move(matches));
    {
      const std::scoped_lock lock(mutex_);
      if (queued_ + count > max_queued_) {
        queue_full_ += count;
        return;
      }
      queued_ += count;
      wait_.Add(monotonic_clock_.NowNs());
      blocks_.push_back(std::move(block));
    }
    has_work_.notify_one();
  }

  std::vector<PathSnapshot> Paths(uint32_t window_seconds) const override {
    const size_t window = PathState::WindowIndex(window_seconds);
    return StateWith(window)->paths[window];
  }
  std::vector<HopSnapshot> Hops(uint32_t window_seconds) const override {
    const size_t window = PathState::WindowIndex(window_seconds);
    return StateWith(window)->hops[window];
  }
  std::vector<Match> Find(uint64_t signature) const override { return log_.Find(signature); }

  std::optional<Match> Newest(std::string_view path) const override {
    const std::shared_ptr<const PathState> state = State();
    const PathState::Newest* newest = nullptr;
    for (const auto& [name, candidate] : state->newest) {
      if ((path.empty() || name == path) &&
          (newest == nullptr || candidate.time_ns > newest->time_ns)) {
        newest = &candidate;
      }
    }
    if (newest == nullptr || monotonic_clock_.NowNs() - newest->time_ns > MatchLog::kMaxAgeNs) {
      return std::nullopt;
    }
    return (*newest->block)[newest->match];
  }

  std::unique_ptr<MatchSubscription> Subscribe() override { return log_.Subscribe(); }

  std::vector<std::pair<std::string, double>> Drops() const override {
    std::vector<std::pair<std::string, double>> drops = State()->drops;
    const std::scoped_lock lock(mutex_);
    drops.emplace_back(kCauseMatchQueueFull, static_cast<double>(queue_full_));
    return drops;
  }

  Backlog CurrentBacklog() const override {
    const std::scoped_lock lock(mutex_);
    return {.used_share = static_cast<double>(queued_) / static_cast<double>(max_queued_),
            .oldest_wait_ns = wait_.OldestWaitNs(monotonic_clock_.NowNs())};
  }

  std::vector<TableUse> Tables() const override {
    std::vector<TableUse> tables = State()->tables;
    tables.push_back(log_.Use());
    const std::scoped_lock lock(mutex_);
    tables.push_back({.table = "match_queue",
                      .used = static_cast<double>(queued_),
                      .limit = static_cast<double>(max_queued_),
                      .evictions = static_cast<double>(queue_full_)});
    return tables;
  }

 private:
  std::shared_ptr<const PathState> State() const {
    const std::scoped_lock lock(state_mutex_);
    return state_;
  }

  // A state with the window in it, which is made now if nobody asked for it lately.
  std::shared_ptr<const PathState> StateWith(size_t window) const {
    std::unique_lock lock(state_mutex_);
    asked_at_[window] = std::chrono::steady_clock::now();
    if (!state_->windows[window]) {
      is_asked_ = true;
      // Nobody is asked to wait for a thread that is overloaded or ends.
      published_.wait_for(lock, kMostWait, [&] { return state_->windows[window]; });
    }
    return state_;
  }

  bool IsAsked() const {
    const std::scoped_lock lock(state_mutex_);
    return is_asked_;
  }

  void Publish(int64_t now_ns) {
    std::array<bool, PathState::kWindows> windows = {};
    {
      const std::scoped_lock lock(state_mutex_);
      const auto now = std::chrono::steady_clock::now();
      std::transform(asked_at_.begin(), asked_at_.end(), windows.begin(),
                     [now](const auto& at) { return at.has_value() && now - *at < kWantedFor; });
      is_asked_ = false;
    }
    std::shared_ptr<const PathState> state =
        aggregator_.State(now_ns, realtime_clock_.NowNs() - now_ns, windows);
    {
      const std::scoped_lock lock(state_mutex_);
      state_.swap(state);
    }
    published_.notify_all();
  }

  void Run() {
    std::vector<MatchBlock> blocks;
    int64_t published_ns = 0;
    while (true) {
      blocks.clear();
      {
        std::unique_lock lock(mutex_);
        wait_.Done();
        has_work_.wait_for(lock, kIdlePeriod, [this] { return is_stopping_ || !blocks_.empty(); });
        if (is_stopping_) {
          return;
        }
        blocks.swap(blocks_);
        queued_ = 0;
        wait_.Begin();
      }
      const int64_t now_ns = monotonic_clock_.NowNs();
      for (const MatchBlock& block : blocks) {
        aggregator_.Take(block, now_ns);
        log_.Append(block);
      }
      aggregator_.Tick(now_ns);
      const int64_t period_ns =
          aggregator_.series_count() > kManySeries ? 4 * kPublishNs : kPublishNs;
      if (now_ns - published_ns >= period_ns || IsAsked()) {
        published_ns = now_ns;
        Publish(now_ns);
      }
    }
  }

  const Clock& monotonic_clock_;
  const Clock& realtime_clock_;
  const size_t max_queued_;
  MatchLog log_;

  // Guards the state that readers see.
  mutable std::mutex state_mutex_;
  std::shared_ptr<const PathState> state_;
  // When each window was asked for last, and whether one is waited for.
  mutable std::array<std::optional<std::chrono::steady_clock::time_point>, PathState::kWindows>
      asked_at_;
  mutable bool is_asked_ = false;
  mutable std::condition_variable published_;

  std::condition_variable has_work_;
  // Guards what follows, to the aggregator.
  mutable std::mutex mutex_;
  std::vector<MatchBlock> blocks_;
  size_t queued_ = 0;
  WaitMeter wait_;
  uint64_t queue_full_ = 0;
  bool is_stopping_ = false;

  PathAggregator aggregator_;  // the thread's
  std::thread thread_;
};

}  // namespace

std::unique_ptr<PathStage> PathStage::Start(const FlowRegistry& flows,
                                            const ClockErrorBoard& clock_errors,
                                            const Clock& monotonic_clock,
                                            const Clock& realtime_clock,
                                            const PathStageOptions& options) {
  return std::make_unique<PathStageImplementation>(flows, clock_errors, monotonic_clock,
                                                   realtime_clock, options);
}

}  // namespace audio_latency::correlator
