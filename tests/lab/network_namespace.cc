#include "tests/lab/network_namespace.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <unistd.h>

#include <thread>

#include "common/status/status_macros.h"
#include "tests/lab/errno_status.h"
#include "tests/lab/process.h"

namespace audio_latency::lab {
namespace {

absl::Status WriteSetting(const char* path, std::string_view value) {
  FileDescriptor file(open(path, O_WRONLY | O_CLOEXEC));
  if (!file.is_open() || write(file.get(), value.data(), value.size()) < 0) {
    return ErrnoStatus(fmt::format("setting {} to {}", path, value));
  }
  return absl::OkStatus();
}

// What a cluster node has; strict reverse-path checks would drop what asymmetric routes bring.
absl::Status ApplySettings() {
  RETURN_IF_ERROR(WriteSetting("/proc/sys/net/ipv4/ip_forward", "1"));
  RETURN_IF_ERROR(WriteSetting("/proc/sys/net/ipv4/conf/all/rp_filter", "0"));
  RETURN_IF_ERROR(WriteSetting("/proc/sys/net/ipv4/conf/default/rp_filter", "0"));
  // Duplicate address detection would make addresses wait a second before they answer.
  RETURN_IF_ERROR(WriteSetting("/proc/sys/net/ipv6/conf/all/accept_dad", "0"));
  RETURN_IF_ERROR(WriteSetting("/proc/sys/net/ipv6/conf/default/accept_dad", "0"));
  return WriteSetting("/proc/sys/net/ipv6/conf/all/forwarding", "1");
}

}  // namespace

absl::StatusOr<NetworkNamespace> NetworkNamespace::OfThisThread() {
  FileDescriptor descriptor(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  if (!descriptor.is_open()) {
    return ErrnoStatus("opening the thread's network namespace");
  }
  return NetworkNamespace(std::move(descriptor));
}

absl::StatusOr<NetworkNamespace> NetworkNamespace::Create() {
  absl::StatusOr<NetworkNamespace> result = absl::InternalError("not run");
  // The namespace comes into being as the own one of a thread that then ends.
  std::thread([&result] {
    if (unshare(CLONE_NEWNET) != 0) {
      result = ErrnoStatus("making a network namespace (run it as root)");
      return;
    }
    result = OfThisThread();
    if (absl::Status applied = ApplySettings(); result.ok() && !applied.ok()) {
      result = applied;
    }
  }).join();
  RETURN_IF_ERROR(result.status());
  RETURN_IF_ERROR(result->Configure("link set lo up\n"));
  return result;
}

absl::Status NetworkNamespace::Enter() const {
  if (setns(descriptor_.get(), CLONE_NEWNET) != 0) {
    return ErrnoStatus("entering a network namespace");
  }
  return absl::OkStatus();
}

absl::Status NetworkNamespace::RunInside(const std::function<absl::Status()>& work) const {
  absl::Status result;
  std::thread([&] {
    result = Enter();
    if (result.ok()) {
      result = work();
    }
  }).join();
  return result;
}

absl::Status NetworkNamespace::Configure(std::string_view commands) const {
  ProcessOptions options;
  options.arguments = {"ip", "-batch", "-"};
  options.network = this;
  options.input = std::string(commands);
  ASSIGN_OR_RETURN(CommandResult result, RunCommand(options));
  if (result.exit_status != 0) {
    return absl::InternalError(fmt::format("ip failed: {} (in: {})", result.error, commands));
  }
  return absl::OkStatus();
}

std::string NetworkNamespace::path() const {
  return fmt::format("/proc/{}/fd/{}", getpid(), descriptor_.get());
}

}  // namespace audio_latency::lab
