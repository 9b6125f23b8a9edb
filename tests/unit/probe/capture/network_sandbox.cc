#include "tests/unit/probe/capture/network_sandbox.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "fmt/format.h"

namespace audio_latency::probe {

void InNewNetworkNamespace(const std::function<void()>& body) {
  std::exception_ptr failure;
  std::thread([&] {
    try {
      if (unshare(CLONE_NEWNET) != 0) {
        throw std::runtime_error("cannot make a network namespace");
      }
      RunCommand("ip link set lo up");
      body();
    } catch (...) {
      failure = std::current_exception();
    }
  }).join();
  if (failure) {
    std::rethrow_exception(failure);
  }
}

std::string RunCommand(const std::string& command) {
  std::FILE* const pipe = popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) {
    throw std::runtime_error("cannot run " + command);
  }
  std::string output;
  std::array<char, 4096> buffer = {};
  while (const size_t size = std::fread(buffer.data(), 1, buffer.size(), pipe)) {
    output.append(buffer.data(), size);
  }
  if (pclose(pipe) != 0) {
    throw std::runtime_error(fmt::format("{}: {}", command, output));
  }
  return output;
}

void LeaveBehind(std::unique_ptr<Attachment> attachment) {
  // Not destroyed with the program either, which runs in another network namespace by then.
  static auto* const left = new std::vector<std::unique_ptr<Attachment>>();
  left->push_back(std::move(attachment));
}

OtherNamespace::OtherNamespace() {
  std::array<int, 2> ready = {};
  if (pipe2(ready.data(), O_CLOEXEC) != 0) {
    throw std::runtime_error("cannot make a pipe");
  }
  pid_ = fork();
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    const char done = unshare(CLONE_NEWNET) == 0 ? 'y' : 'n';
    if (write(ready[1], &done, 1) == 1) {
      pause();
    }
    _exit(0);
  }
  char done = 'n';
  const ssize_t got = read(ready[0], &done, 1);
  close(ready[0]);
  close(ready[1]);
  if (got != 1 || done != 'y') {
    throw std::runtime_error("cannot make a network namespace");
  }
}

OtherNamespace::~OtherNamespace() {
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

}  // namespace audio_latency::probe
