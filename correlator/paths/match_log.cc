#include "correlator/paths/match_log.h"

#include <algorithm>
#include <utility>

#include "absl/time/time.h"

namespace audio_latency::correlator {
namespace {

// Of one subscription.
constexpr size_t kMaxWaiting = 16384;

}  // namespace

// Those who listen; outlives the log when they do.
class MatchLog::Subscribers {
 public:
  void Add(Subscription* subscription) {
    absl::MutexLock lock(&mutex_);
    all_.push_back(subscription);
  }
  void Remove(Subscription* subscription) {
    absl::MutexLock lock(&mutex_);
    all_.remove(subscription);
  }
  void Offer(const MatchBlock& block);

 private:
  absl::Mutex mutex_;
  std::list<Subscription*> all_ ABSL_GUARDED_BY(mutex_);
};

class MatchLog::Subscription final : public MatchSubscription {
 public:
  explicit Subscription(std::shared_ptr<Subscribers> subscribers)
      : subscribers_(std::move(subscribers)) {
    subscribers_->Add(this);
  }
  ~Subscription() override { subscribers_->Remove(this); }

  void Offer(const MatchBlock& block) {
    absl::MutexLock lock(&mutex_);
    blocks_.push_back(block);
    waiting_ += block->size();
    while (waiting_ > kMaxWaiting) {
      waiting_ -= blocks_.front()->size();
      skipped_ += blocks_.front()->size();
      blocks_.pop_front();
    }
  }

  bool Next(int timeout_ms, std::vector<Match>* matches, uint64_t* skipped) override {
    std::deque<MatchBlock> blocks;
    {
      absl::MutexLock lock(&mutex_);
      mutex_.AwaitWithTimeout(absl::Condition(this, &Subscription::HasNews),
                              absl::Milliseconds(timeout_ms));
      if (is_cancelled_) {
        return false;
      }
      blocks.swap(blocks_);
      waiting_ = 0;
      *skipped = std::exchange(skipped_, 0);
    }
    for (const MatchBlock& block : blocks) {
      matches->insert(matches->end(), block->begin(), block->end());
    }
    return true;
  }

  void Cancel() override {
    absl::MutexLock lock(&mutex_);
    is_cancelled_ = true;
  }

 private:
  bool HasNews() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return is_cancelled_ || !blocks_.empty() || skipped_ > 0;
  }

  const std::shared_ptr<Subscribers> subscribers_;
  absl::Mutex mutex_;
  std::deque<MatchBlock> blocks_ ABSL_GUARDED_BY(mutex_);
  size_t waiting_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t skipped_ ABSL_GUARDED_BY(mutex_) = 0;
  bool is_cancelled_ ABSL_GUARDED_BY(mutex_) = false;
};

void MatchLog::Subscribers::Offer(const MatchBlock& block) {
  absl::MutexLock lock(&mutex_);
  for (Subscription* const subscription : all_) {
    subscription->Offer(block);
  }
}

MatchLog::MatchLog(const Clock* monotonic_clock)
    : monotonic_clock_(*monotonic_clock), subscribers_(std::make_shared<Subscribers>()) {}

MatchLog::~MatchLog() = default;

void MatchLog::Append(const MatchBlock& block) {
  if (block->empty()) {
    return;
  }
  subscribers_->Offer(block);
  const int64_t now_ns = monotonic_clock_.NowNs();
  // Freed outside the lock.
  std::vector<MatchBlock> old;
  absl::MutexLock lock(&mutex_);
  entries_.push_back({.time_ns = now_ns, .block = block});
  matches_ += block->size();
  while (entries_.size() > 1 &&
         (matches_ > kMaxMatches || now_ns - entries_.front().time_ns > kMaxAgeNs)) {
    matches_ -= entries_.front().block->size();
    old.push_back(std::move(entries_.front().block));
    entries_.pop_front();
  }
}

std::vector<Match> MatchLog::Find(uint64_t signature) const {
  std::vector<Entry> entries;
  {
    absl::MutexLock lock(&mutex_);
    entries.assign(entries_.rbegin(), entries_.rend());
  }
  const int64_t oldest_ns = monotonic_clock_.NowNs() - kMaxAgeNs;
  std::vector<Match> found;
  for (const Entry& entry : entries) {
    if (entry.time_ns < oldest_ns) {
      break;
    }
    for (auto match = entry.block->rbegin(); match != entry.block->rend(); ++match) {
      if (match->signature == signature) {
        found.push_back(*match);
        if (found.size() == kMaxFound) {
          return found;
        }
      }
    }
  }
  return found;
}

std::unique_ptr<MatchSubscription> MatchLog::Subscribe() {
  return std::make_unique<Subscription>(subscribers_);
}

}  // namespace audio_latency::correlator
