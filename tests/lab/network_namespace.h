// An unnamed network namespace, alive as long as somebody holds it.

#ifndef TESTS_LAB_NETWORK_NAMESPACE_H_
#define TESTS_LAB_NETWORK_NAMESPACE_H_

#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/process/file_descriptor.h"

namespace audio_latency::lab {

// Held by a file descriptor and by the processes inside: it has no name that could be left behind.
// Thread-safe.
class NetworkNamespace {
 public:
  // A new one, its loopback interface up, IPv4 and IPv6 forwarding on.
  static absl::StatusOr<NetworkNamespace> Create();
  // The one that the calling thread is in.
  static absl::StatusOr<NetworkNamespace> OfThisThread();

  // Runs `work` in a thread that is inside and returns when it is done.
  absl::Status RunInside(const std::function<absl::Status()>& work) const;
  // Lets the calling thread enter. Threads that it starts later are inside as well.
  absl::Status Enter() const;

  // Runs `ip -batch` inside, one command a line, without the leading "ip":
  // "link set eth0 up\nroute add default via 10.0.0.1\n".
  absl::Status Configure(std::string_view commands) const;

  // Names this namespace in `ip` commands, while this object lives.
  std::string path() const;
  int descriptor() const { return descriptor_.get(); }

 private:
  explicit NetworkNamespace(FileDescriptor descriptor) : descriptor_(std::move(descriptor)) {}

  FileDescriptor descriptor_;
};

}  // namespace audio_latency::lab

#endif  // TESTS_LAB_NETWORK_NAMESPACE_H_
