#include "common/process/shutdown.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <cstring>
#include <mutex>
#include <thread>

#include "absl/status/status.h"

namespace audio_latency {
namespace {

// What a shell reports for a program that Ctrl-C ended.
constexpr int kInterruptedExitCode = 130;

absl::Status SystemError(std::string_view call) {
  return absl::InternalError(fmt::format("{} failed while installing the signal handling: {}", call,
                                         std::strerror(errno)));
}

class SignalShutdown final : public Shutdown {
 public:
  SignalShutdown(int signal_fd, int stop_fd, const sigset_t& mask_before)
      : signal_fd_(signal_fd),
        stop_fd_(stop_fd),
        mask_before_(mask_before),
        watcher_([this] { Watch(); }) {}

  ~SignalShutdown() override {
    const uint64_t one = 1;
    // An eventfd that was never written takes any write: nothing to check.
    [[maybe_unused]] const ssize_t written = write(stop_fd_, &one, sizeof(one));
    watcher_.join();
    close(signal_fd_);
    close(stop_fd_);
    pthread_sigmask(SIG_SETMASK, &mask_before_, nullptr);
  }

  void Wait() override {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return requested_; });
  }

  void Request() override { SetRequested(); }

 private:
  // Returns what it was before.
  bool SetRequested() {
    const std::lock_guard lock(mutex_);
    const bool before = requested_;
    requested_ = true;
    changed_.notify_all();
    return before;
  }

  void Watch() {
    while (true) {
      std::array<pollfd, 2> watched = {pollfd{signal_fd_, POLLIN, 0}, pollfd{stop_fd_, POLLIN, 0}};
      if (poll(watched.data(), watched.size(), -1) < 0) {
        continue;  // EINTR: a stop signal of a debugger
      }
      if (watched[1].revents != 0) {
        return;
      }
      signalfd_siginfo signal = {};
      if (read(signal_fd_, &signal, sizeof(signal)) == sizeof(signal) && SetRequested()) {
        _exit(kInterruptedExitCode);
      }
    }
  }

  const int signal_fd_;
  const int stop_fd_;
  const sigset_t mask_before_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool requested_ = false;
  std::thread watcher_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Shutdown>> Shutdown::Install() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigset_t mask_before;
  if (const int error = pthread_sigmask(SIG_BLOCK, &signals, &mask_before); error != 0) {
    errno = error;
    return SystemError("pthread_sigmask");
  }
  if (std::signal(SIGPIPE, SIG_IGN) == SIG_ERR) {
    return SystemError("signal");
  }
  const int signal_fd = signalfd(-1, &signals, SFD_CLOEXEC);
  if (signal_fd < 0) {
    return SystemError("signalfd");
  }
  const int stop_fd = eventfd(0, EFD_CLOEXEC);
  if (stop_fd < 0) {
    const absl::Status error = SystemError("eventfd");
    close(signal_fd);
    return error;
  }
  return std::make_unique<SignalShutdown>(signal_fd, stop_fd, mask_before);
}

}  // namespace audio_latency
