#include "correlator/paths/match_log.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <utility>

namespace audio_latency::correlator {
namespace {

// Of one subscription.
constexpr size_t kMaxWaiting = 16384;

}  // namespace

// Those who listen; outlives the log when they do.
class MatchLog::Subscribers {
 public:
  void Add(Subscription* subscription) {
    const std::scoped_lock lock(mutex_);
    all_.push_back(subscription);
  }
  void Remove(Subscription* subscription) {
    const std::scoped_lock lock(mutex_);
    all_.remove(subscription);
  }
  void Offer(const MatchBlock& block);

 private:
  std::mutex mutex_;
  std::list<Subscription*> all_;
};

class MatchLog::Subscription final : public MatchSubscription {
 public:
  explicit Subscription(std::shared_ptr<Subscribers> subscribers)
      : subscribers_(std::move(subscribers)) {
    subscribers_->Add(this);
  }
  ~Subscription() override { subscribers_->Remove(this); }

  void Offer(const MatchBlock& block) {
    {
      const std::scoped_lock lock(mutex_);
      blocks_.push_back(block);
      waiting_ += block->size();
      while (waiting_ > kMaxWaiting) {
        waiting_ -= blocks_.front()->size();
        skipped_ += blocks_.front()->size();
        blocks_.pop_front();
      }
    }
    has_news_.notify_all();
  }

  bool Next(int timeout_ms, std::vector<Match>* matches, uint64_t* skipped) override {
    std::deque<MatchBlock> blocks;
    {
      std::unique_lock lock(mutex_);
      has_news_.wait_for(lock, std::chrono::milliseconds(timeout_ms),
                         [this] { return is_cancelled_ || !blocks_.empty() || skipped_ > 0; });
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
    {
      const std::scoped_lock lock(mutex_);
      is_cancelled_ = true;
    }
    has_news_.notify_all();
  }

 private:
  const std::shared_ptr<Subscribers> subscribers_;
  std::condition_variable has_news_;
  // Guards what follows.
  std::mutex mutex_;
  std::deque<MatchBlock> blocks_;
  size_t waiting_ = 0;
  uint64_t skipped_ = 0;
  bool is_cancelled_ = false;
};

void MatchLog::Subscribers::Offer(const MatchBlock& block) {
  const std::scoped_lock lock(mutex_);
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
  const std::scoped_lock lock(mutex_);
  entries_.push_back({.time_ns = now_ns, .block = block});
  matches_ += block->size();
  while (entries_.size() > 1 &&
         (matches_ > kMaxMatches || now_ns - entries_.front().time_ns > kMaxAgeNs)) {
    if (now_ns - entries_.front().time_ns <= kMaxAgeNs) {
      no_room_ += entries_.front().block->size();
    }
    matches_ -= entries_.front().block->size();
    old.push_back(std::move(entries_.front().block));
    entries_.pop_front();
  }
}

std::vector<Match> MatchLog::Find(uint64_t signature) const {
  std::vector<Entry> entries;
  {
    const std::scoped_lock lock(mutex_);
    entries.assign(entries_.rbegin(), entries_.rend());
  }
  const int64_t oldest_ns = monotonic_clock_.NowNs() - kMaxAgeNs;
  std::vector<Match> found;
  for (const Entry& entry : entries) {
    if (entry.time_ns < oldest_ns) {
      break;
    }
    for (size_t i = entry.block->size(); i-- > 0;) {
      const Match& match = (*entry.block)[i];
      if (match.signature == signature) {
        found.push_back(match);
        if (found.size() == kMaxFound) {
          return found;
        }
      }
    }
  }
  return found;
}

TableUse MatchLog::Use() const {
  const std::scoped_lock lock(mutex_);
  return {.table = "match_log",
          .used = static_cast<double>(matches_),
          .limit = static_cast<double>(kMaxMatches),
          .evictions = static_cast<double>(no_room_)};
}

std::unique_ptr<MatchSubscription> MatchLog::Subscribe() {
  return std::make_unique<Subscription>(subscribers_);
}

}  // namespace audio_latency::correlator
