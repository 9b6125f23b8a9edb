// Counts the callers that watch, and tells them when to end.

#ifndef CORRELATOR_QUERY_WATCHERS_H_
#define CORRELATOR_QUERY_WATCHERS_H_

#include <grpcpp/server_context.h>

#include <chrono>
#include <condition_variable>
#include <mutex>

namespace audio_latency::correlator {

// How long a watcher takes at most to notice that its caller hung up.
inline constexpr std::chrono::milliseconds kCancelCheckInterval{100};

// Thread-safe.
class Watchers {
 public:
  explicit Watchers(int most) : most_(most) {}

  // A place among the watchers, for as long as it lives.
  class Place {
   public:
    explicit Place(Watchers* watchers) : watchers_(watchers), granted_(watchers->Enter()) {}
    ~Place() {
      if (granted_) {
        watchers_->Leave();
      }
    }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

    // False: there are too many already.
    bool granted() const { return granted_; }

   private:
    Watchers* const watchers_;
    const bool granted_;
  };

  int most() const { return most_; }
  void Stop();
  bool stopped() const;
  // Waits for `duration`. False, at once or soon, when the caller hung up or Stop was called.
  bool Wait(std::chrono::milliseconds duration, const grpc::ServerContext& caller);

 private:
  bool Enter();
  void Leave();

  const int most_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  int watching_ = 0;
  bool stopped_ = false;
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_QUERY_WATCHERS_H_
