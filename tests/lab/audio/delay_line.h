// Holds messages for a fixed time.

#ifndef TESTS_LAB_AUDIO_DELAY_LINE_H_
#define TESTS_LAB_AUDIO_DELAY_LINE_H_

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

namespace audio_latency::lab {

// Hands each message on when it is due, in a thread of its own at real-time priority.
class DelayLine {
 public:
  // `deliver` is called in that thread, in the order of Add.
  explicit DelayLine(std::function<void(const std::string&)> deliver);
  // Waits until all messages have been delivered.
  ~DelayLine();

  // `due_ns` is CLOCK_MONOTONIC and must not fall. Blocks while 4 MiB are held.
  void Add(int64_t due_ns, std::string message);

 private:
  struct Held {
    int64_t due_ns;
    std::string message;
  };

  void Run();

  std::function<void(const std::string&)> deliver_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Held> held_;
  size_t held_bytes_ = 0;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace audio_latency::lab

#endif  // TESTS_LAB_AUDIO_DELAY_LINE_H_
