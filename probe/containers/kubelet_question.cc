#include "probe/containers/kubelet_question.h"

#include <fcntl.h>
#include <sys/socket.h>

namespace audio_latency::probe {
namespace {

// What is not connected yet, or comes at another address, is ended again.
constexpr std::chrono::milliseconds kEndAgain(50);

}  // namespace

KubeletQuestion::KubeletQuestion(std::chrono::milliseconds longest)
    : thread_([this, deadline = std::chrono::steady_clock::now() + longest](
                  const std::stop_token& is_over) { Watch(is_over, deadline); }) {}

KubeletQuestion::~KubeletQuestion() {
  thread_.request_stop();
  thread_.join();
}

void KubeletQuestion::Use(int socket) {
  const std::lock_guard lock(mutex_);
  socket_ = FileDescriptor(fcntl(socket, F_DUPFD_CLOEXEC, 0));
}

void KubeletQuestion::Stop() {
  {
    const std::lock_guard lock(mutex_);
    end_ = End::kStopped;
  }
  news_.notify_all();
}

void KubeletQuestion::Watch(const std::stop_token& is_over,
                            std::chrono::steady_clock::time_point deadline) {
  std::unique_lock lock(mutex_);
  news_.wait_until(lock, is_over, deadline, [this] { return end_ != End::kNone; });
  while (!is_over.stop_requested()) {
    if (end_ == End::kNone) {
      end_ = End::kLate;
    }
    if (socket_.is_open()) {
      // Reading alone: who writes to a socket that is shut for writing gets SIGPIPE.
      shutdown(socket_.get(), SHUT_RD);
    }
    news_.wait_for(lock, is_over, kEndAgain, [] { return false; });
  }
}

}  // namespace audio_latency::probe
