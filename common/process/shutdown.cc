#include "common/process/shutdown.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <cstring>
#include <mutex>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "common/status/status_macros.h"

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
  SignalShutdown(std::unique_ptr<BlockedSignals> signals, int stop_fd)
      : signals_(std::move(signals)), stop_fd_(stop_fd), watcher_([this] { Watch(); }) {}

  ~SignalShutdown() override {
    const uint64_t one = 1;
    // An eventfd that was never written takes any write: nothing to check.
    [[maybe_unused]] const ssize_t written = write(stop_fd_, &one, sizeof(one));
    watcher_.join();
    close(stop_fd_);
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
      std::array<pollfd, 2> watched = {pollfd{signals_->descriptor(), POLLIN, 0},
                                       pollfd{stop_fd_, POLLIN, 0}};
      if (poll(watched.data(), watched.size(), -1) < 0) {
        continue;  // EINTR: a stop signal of a debugger
      }
      if (watched[1].revents != 0) {
        return;
      }
      if (signals_->Take() && SetRequested()) {
        _exit(kInterruptedExitCode);
      }
    }
  }

  const std::unique_ptr<BlockedSignals> signals_;
  const int stop_fd_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool requested_ = false;
  std::thread watcher_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Shutdown>> Shutdown::Install() {
  ASSIGN_OR_RETURN(std::unique_ptr<BlockedSignals> signals, BlockedSignals::Block());
  return Install(std::move(signals));
}

absl::StatusOr<std::unique_ptr<Shutdown>> Shutdown::Install(
    std::unique_ptr<BlockedSignals> signals) {
  if (std::signal(SIGPIPE, SIG_IGN) == SIG_ERR) {
    return SystemError("signal");
  }
  const int stop_fd = eventfd(0, EFD_CLOEXEC);
  if (stop_fd < 0) {
    return SystemError("eventfd");
  }
  return std::make_unique<SignalShutdown>(std::move(signals), stop_fd);
}

}  // namespace audio_latency
