// A network namespace for one test.

#ifndef TESTS_UNIT_PROBE_CAPTURE_NETWORK_SANDBOX_H_
#define TESTS_UNIT_PROBE_CAPTURE_NETWORK_SANDBOX_H_

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>

#include "probe/capture/attachment.h"

namespace audio_latency::probe {

// Runs `body` in a thread with a new network namespace, which is gone when it returns; loopback is
// up. Exceptions (Catch2's among them) come back to the caller.
void InNewNetworkNamespace(const std::function<void()>& body);

// Runs a command (ip, tc) in the namespace of the calling thread and gives what it prints; throws
// when it fails.
std::string RunCommand(const std::string& command);

// Keeps what a probe that is killed leaves in the kernel: the attachment is never destroyed. For
// one thread at a time.
void LeaveBehind(std::unique_ptr<Attachment> attachment);

// A process that does nothing but hold another network namespace, killed at the end.
class OtherNamespace {
 public:
  OtherNamespace();
  ~OtherNamespace();
  OtherNamespace(const OtherNamespace&) = delete;
  OtherNamespace& operator=(const OtherNamespace&) = delete;

  // "ip link add … netns <pid>" puts something there.
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_;
};

}  // namespace audio_latency::probe

#endif  // TESTS_UNIT_PROBE_CAPTURE_NETWORK_SANDBOX_H_
