// Ports that nobody listens on.

#ifndef TESTS_KUBERNETES_API_SERVER_FREE_PORT_H_
#define TESTS_KUBERNETES_API_SERVER_FREE_PORT_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "tests/lab/network_namespace.h"

namespace audio_latency::lab {

// A TCP port of `address` that was free a moment ago, in `network` (null: the caller's).
absl::StatusOr<uint16_t> FreePort(const NetworkNamespace* network, const std::string& address);

}  // namespace audio_latency::lab

#endif  // TESTS_KUBERNETES_API_SERVER_FREE_PORT_H_
