// One question to the kubelet, which ends in time.

#ifndef PROBE_CONTAINERS_KUBELET_QUESTION_H_
#define PROBE_CONTAINERS_KUBELET_QUESTION_H_

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "common/process/file_descriptor.h"

namespace audio_latency::probe {

// Ends the reading from a socket, whichever step it is at, once Stop is called or the time is over.
// The HTTP library limits only the wait for the next bytes, so that who sends them one by one holds
// it for hours, and its own stop() waits until the TLS handshake is through. Has a thread of its
// own; thread-safe.
class KubeletQuestion {
 public:
  enum class End { kNone, kStopped, kLate };

  explicit KubeletQuestion(std::chrono::milliseconds longest);
  ~KubeletQuestion();
  KubeletQuestion(const KubeletQuestion&) = delete;
  KubeletQuestion& operator=(const KubeletQuestion&) = delete;

  // From now on the question goes by this socket, which stays the caller's.
  void Use(int socket);
  void Stop();
  // What ended it, if anything did.
  End end() const { return end_; }

 private:
  void Watch(const std::stop_token& is_over, std::chrono::steady_clock::time_point deadline);

  std::mutex mutex_;
  std::condition_variable_any news_;
  // A copy, since the caller may close its own, whose number is then another file's.
  FileDescriptor socket_;
  std::atomic<End> end_ = End::kNone;
  std::jthread thread_;
};

}  // namespace audio_latency::probe

#endif  // PROBE_CONTAINERS_KUBELET_QUESTION_H_
