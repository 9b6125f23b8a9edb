#include "tests/lab/audio/delay_line.h"

#include <utility>

#include "tests/lab/audio/pacing.h"

namespace audio_latency::lab {
namespace {

constexpr size_t kMostHeldBytes = 4U << 20;

}  // namespace

DelayLine::DelayLine(std::function<void(const std::string&)> deliver)
    : deliver_(std::move(deliver)), thread_([this] { Run(); }) {}

DelayLine::~DelayLine() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void DelayLine::Add(int64_t due_ns, std::string message) {
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return held_bytes_ < kMostHeldBytes; });
    held_bytes_ += message.size();
    held_.push_back({due_ns, std::move(message)});
  }
  changed_.notify_all();
}

void DelayLine::Run() {
  RunAtRealTimePriority();
  for (;;) {
    Held next;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return ending_ || !held_.empty(); });
      if (held_.empty()) {
        return;
      }
      next = std::move(held_.front());
      held_.pop_front();
    }
    SleepUntilNs(next.due_ns);
    deliver_(next.message);
    {
      const std::lock_guard lock(mutex_);
      held_bytes_ -= next.message.size();
    }
    changed_.notify_all();
  }
}

}  // namespace audio_latency::lab
