// Which cgroup owns a socket of the node's own network namespace.

#ifndef PROBE_CONTAINERS_SOCKET_OWNERS_H_
#define PROBE_CONTAINERS_SOCKET_OWNERS_H_

#include <cstdint>
#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "common/address/ip_address.h"
#include "common/logging/logger.h"

namespace audio_latency::probe {

// A conversation as its end on this node sees it.
struct SocketQuery {
  uint8_t transport = 0;  // IP protocol number: 6 or 17
  IpAddress local_address;
  uint16_t local_port = 0;
  IpAddress remote_address;
  uint16_t remote_port = 0;

  friend bool operator==(const SocketQuery&, const SocketQuery&) = default;
};

// Asks the kernel (sock_diag(7)), which needs no right and takes some 30 us. Not thread-safe.
class SocketOwners {
 public:
  // In the network namespace of the calling thread.
  static absl::StatusOr<std::unique_ptr<SocketOwners>> Open();
  // Null, and a warning, where that fails, as under a seccomp profile that forbids this kind of
  // socket: a flow without a pod's name is better than no flow.
  static std::unique_ptr<SocketOwners> OpenOrWarn(Logger* logger);
  virtual ~SocketOwners() = default;

  // The number of the cgroup (version 2) in which the socket was made that a packet of the
  // conversation would go to, connected or listening. Nothing where there is none, as for traffic
  // that is only forwarded, and where the kernel does not tell (before 5.8).
  virtual absl::StatusOr<std::optional<uint64_t>> CgroupOf(const SocketQuery& query) = 0;
};

}  // namespace audio_latency::probe

#endif  // PROBE_CONTAINERS_SOCKET_OWNERS_H_
