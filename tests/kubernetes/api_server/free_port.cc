#include "tests/kubernetes/api_server/free_port.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "common/process/file_descriptor.h"
#include "common/status/status_macros.h"
#include "tests/lab/errno_status.h"

namespace audio_latency::lab {
namespace {

absl::Status Pick(const std::string& address, uint16_t* port) {
  const FileDescriptor listener(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in place = {};
  place.sin_family = AF_INET;
  socklen_t size = sizeof(place);
  if (inet_pton(AF_INET, address.c_str(), &place.sin_addr) != 1) {
    return absl::InvalidArgumentError(fmt::format("'{}' is no IPv4 address", address));
  }
  if (bind(listener.get(), reinterpret_cast<const sockaddr*>(&place), size) != 0 ||
      getsockname(listener.get(), reinterpret_cast<sockaddr*>(&place), &size) != 0) {
    return ErrnoStatus(fmt::format("looking for a free port of {}", address));
  }
  *port = ntohs(place.sin_port);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<uint16_t> FreePort(const NetworkNamespace* network, const std::string& address) {
  uint16_t port = 0;
  RETURN_IF_ERROR(network == nullptr ? Pick(address, &port)
                                     : network->RunInside([&] { return Pick(address, &port); }));
  return port;
}

}  // namespace audio_latency::lab
