#include "probe/containers/socket_owners.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>

#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "common/status/status_macros.h"
#include "fmt/format.h"
#include "probe/capture/netlink.h"

namespace audio_latency::probe {
namespace {

// Attributes and constants of newer headers than the oldest that this compiles with.
constexpr uint16_t kInetDiagCgroupId = 21;

void PutAddress(const IpAddress& address, __be32* words) {
  const std::string bytes = address.ToBytes();
  std::memcpy(words, bytes.data(), bytes.size());
}

class KernelSocketOwners final : public SocketOwners {
 public:
  explicit KernelSocketOwners(NetlinkSocket socket) : socket_(std::move(socket)) {}

  absl::StatusOr<std::optional<uint64_t>> CgroupOf(const SocketQuery& query) override {
    inet_diag_req_v2 request = {};
    request.sdiag_family = query.local_address.is_v4() ? AF_INET : AF_INET6;
    request.sdiag_protocol = query.transport;
    request.idiag_states = ~uint32_t{0};
    request.id.idiag_cookie[0] = INET_DIAG_NOCOOKIE;
    request.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
    // Of TCP the kernel wants the local end for the source, of UDP for the destination.
    const bool is_udp = query.transport == IPPROTO_UDP;
    inet_diag_sockid& id = request.id;
    PutAddress(query.local_address, is_udp ? id.idiag_dst : id.idiag_src);
    PutAddress(query.remote_address, is_udp ? id.idiag_src : id.idiag_dst);
    (is_udp ? id.idiag_dport : id.idiag_sport) = htons(query.local_port);
    (is_udp ? id.idiag_sport : id.idiag_dport) = htons(query.remote_port);

    std::optional<uint64_t> cgroup_id;
    const absl::Status asked =
        socket_.Get(SOCK_DIAG_BY_FAMILY, request, [&](const NetlinkMessage& message) {
          ForEachAttribute(message.payload, sizeof(inet_diag_msg),
                           [&](uint16_t type, std::string_view value) {
                             if (type == kInetDiagCgroupId && value.size() == sizeof(uint64_t)) {
                               cgroup_id = NetlinkHeader<uint64_t>(value);
                             }
                           });
        });
    if (absl::IsNotFound(asked)) {
      return std::optional<uint64_t>();
    }
    RETURN_IF_ERROR(asked);
    return cgroup_id;
  }

 private:
  NetlinkSocket socket_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<SocketOwners>> SocketOwners::Open() {
  ASSIGN_OR_RETURN(NetlinkSocket socket, NetlinkSocket::Open(0, NETLINK_SOCK_DIAG));
  return std::make_unique<KernelSocketOwners>(std::move(socket));
}

std::unique_ptr<SocketOwners> SocketOwners::OpenOrWarn(Logger* logger) {
  absl::StatusOr<std::unique_ptr<SocketOwners>> owners = Open();
  if (!owners.ok()) {
    logger->Warn("socket_owner_error",
                 fmt::format("Cannot ask the kernel for the owners of sockets: {}; which "
                             "hostNetwork pod sends is told by its port only (allow sockets of "
                             "NETLINK_SOCK_DIAG in the seccomp profile)",
                             Message(owners.status())));
    return nullptr;
  }
  return *std::move(owners);
}

}  // namespace audio_latency::probe
