// A place on this machine that nothing escapes from: own processes, mounts and networks.

#ifndef TESTS_LAB_LAB_H_
#define TESTS_LAB_LAB_H_

#include <functional>
#include <utility>

#include "absl/status/statusor.h"
#include "tests/lab/network_namespace.h"

namespace audio_latency::lab {

// What the code inside a lab knows of the world outside.
class Lab {
 public:
  // Runs `body` in a child process with its own process, mount and network namespaces and returns
  // its exit status (128 + number where a signal ended it). Nothing outlives the call: when the
  // body returns, throws, crashes or is killed, and also when the caller is killed in whatever way,
  // the kernel ends every process of the lab, and with the last one its namespaces and interfaces
  // go. Call it while the process has one thread. PERMISSION_DENIED where namespaces cannot be
  // made.
  static absl::StatusOr<int> Run(const std::function<int(const Lab&)>& body);

  // The network that the caller of Run was in.
  const NetworkNamespace& outside_network() const { return outside_network_; }

 private:
  explicit Lab(NetworkNamespace outside_network) : outside_network_(std::move(outside_network)) {}

  NetworkNamespace outside_network_;
};

}  // namespace audio_latency::lab

#endif  // TESTS_LAB_LAB_H_
