#include "common/process/blocked_signals.h"

#include <fmt/format.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/status/status.h"

namespace audio_latency {
namespace {

absl::Status SystemError(const char* call, int error) {
  return absl::InternalError(
      fmt::format("{} failed while installing the handling of signals that end: {}", call,
                  std::strerror(error)));
}

// As nohup(1) leaves it to the programs that it starts.
bool IsIgnored(int signal) {
  struct sigaction action = {};
  return sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

}  // namespace

absl::StatusOr<std::unique_ptr<BlockedSignals>> BlockedSignals::Block() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  if (!IsIgnored(SIGHUP)) {
    sigaddset(&signals, SIGHUP);
  }
  sigset_t mask_before;
  if (const int error = pthread_sigmask(SIG_BLOCK, &signals, &mask_before); error != 0) {
    return SystemError("pthread_sigmask", error);
  }
  const int descriptor = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
  if (descriptor < 0) {
    const absl::Status error = SystemError("signalfd", errno);
    pthread_sigmask(SIG_SETMASK, &mask_before, nullptr);
    return error;
  }
  return std::unique_ptr<BlockedSignals>(new BlockedSignals(descriptor, signals, mask_before));
}

BlockedSignals::~BlockedSignals() {
  while (Take()) {
  }
  close(descriptor_);
  pthread_sigmask(SIG_SETMASK, &mask_before_, nullptr);
}

bool BlockedSignals::Take() {
  signalfd_siginfo signal = {};
  return read(descriptor_, &signal, sizeof(signal)) == sizeof(signal);
}

void BlockedSignals::LetThrough() {
  while (Take()) {
  }
  pthread_sigmask(SIG_UNBLOCK, &signals_, nullptr);
}

}  // namespace audio_latency
