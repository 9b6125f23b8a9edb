#include "common/process/interrupt.h"

#include <fmt/format.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "absl/status/status.h"

namespace audio_latency {
namespace {

absl::Status SystemError(const char* call, int error) {
  return absl::InternalError(fmt::format("{} failed while installing the handling of Ctrl-C: {}",
                                         call, std::strerror(error)));
}

class SignalInterrupt final : public Interrupt {
 public:
  SignalInterrupt(int signal_fd, const sigset_t& signals, const sigset_t& mask_before)
      : signal_fd_(signal_fd), signals_(signals), mask_before_(mask_before) {}

  ~SignalInterrupt() override {
    TakePending();
    close(signal_fd_);
    pthread_sigmask(SIG_SETMASK, &mask_before_, nullptr);
  }

  int descriptor() const override { return signal_fd_; }

  void LetNextOneEnd() override {
    TakePending();
    pthread_sigmask(SIG_UNBLOCK, &signals_, nullptr);
  }

 private:
  // A signal that was noticed must not end the process when it is let through again.
  void TakePending() const {
    signalfd_siginfo signal = {};
    while (read(signal_fd_, &signal, sizeof(signal)) == sizeof(signal)) {
    }
  }

  const int signal_fd_;
  const sigset_t signals_;
  const sigset_t mask_before_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Interrupt>> Interrupt::Install() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigset_t mask_before;
  if (const int error = pthread_sigmask(SIG_BLOCK, &signals, &mask_before); error != 0) {
    return SystemError("pthread_sigmask", error);
  }
  const int signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
  if (signal_fd < 0) {
    const absl::Status error = SystemError("signalfd", errno);
    pthread_sigmask(SIG_SETMASK, &mask_before, nullptr);
    return error;
  }
  return std::make_unique<SignalInterrupt>(signal_fd, signals, mask_before);
}

}  // namespace audio_latency
