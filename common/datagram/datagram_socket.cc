#include "common/datagram/datagram_socket.h"

#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <ctime>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "common/process/file_descriptor.h"
#include "common/status/status_macros.h"
#include "fmt/format.h"

namespace audio_latency {
namespace {

constexpr int64_t kNsPerSecond = 1'000'000'000;
constexpr size_t kControlBytes = 256;

static_assert(sizeof(DatagramRoute::peer) >= sizeof(sockaddr_storage));
static_assert(sizeof(DatagramRoute::local) >= sizeof(in6_pktinfo));

absl::Status Failed(const char* what, const std::string& host, int port) {
  return absl::UnavailableError(fmt::format("cannot {} UDP port {} of {}: {}", what, port, host,
                                            std::generic_category().message(errno)));
}

bool SetOption(int socket, int level, int name) {
  const int on = 1;
  return setsockopt(socket, level, name, &on, sizeof(on)) == 0;
}

// `T` of a control message, which need not be aligned.
template <typename T>
T ReadControl(const cmsghdr* control) {
  T value;
  std::memcpy(&value, CMSG_DATA(control), sizeof(value));
  return value;
}

class KernelSocket final : public DatagramSocket {
 public:
  KernelSocket(FileDescriptor socket, FileDescriptor interruption)
      : socket_(std::move(socket)), interruption_(std::move(interruption)) {}

  bool Send(std::span<const uint8_t> bytes) override {
    return send(socket_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL) ==
           static_cast<ssize_t>(bytes.size());
  }

  bool SendBack(const DatagramRoute& route, std::span<const uint8_t> bytes) override {
    DatagramRoute own = route;
    iovec content = {const_cast<uint8_t*>(bytes.data()), bytes.size()};
    alignas(cmsghdr) std::array<uint8_t, kControlBytes> control = {};
    msghdr message = {};
    message.msg_name = own.peer.data();
    message.msg_namelen = own.peer_bytes;
    message.msg_iov = &content;
    message.msg_iovlen = 1;
    if (own.local_bytes > 0) {
      message.msg_control = control.data();
      message.msg_controllen = CMSG_SPACE(own.local_bytes);
      cmsghdr* const header = CMSG_FIRSTHDR(&message);
      header->cmsg_level = own.local_is_ipv6 ? IPPROTO_IPV6 : IPPROTO_IP;
      header->cmsg_type = own.local_is_ipv6 ? IPV6_PKTINFO : IP_PKTINFO;
      header->cmsg_len = CMSG_LEN(own.local_bytes);
      std::memcpy(CMSG_DATA(header), own.local.data(), own.local_bytes);
    }
    return sendmsg(socket_.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL) ==
           static_cast<ssize_t>(bytes.size());
  }

  std::optional<ReceivedDatagram> TryReceive(std::span<uint8_t> room) override {
    ReceivedDatagram received;
    iovec content = {room.data(), room.size()};
    alignas(cmsghdr) std::array<uint8_t, kControlBytes> control;
    msghdr message = {};
    message.msg_name = received.route.peer.data();
    message.msg_namelen = received.route.peer.size();
    message.msg_iov = &content;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    // An answer "port unreachable" to what was sent comes as an error of the next call, once.
    ssize_t bytes = -1;
    do {
      bytes = recvmsg(socket_.get(), &message, MSG_DONTWAIT | MSG_TRUNC);
    } while (bytes < 0 && (errno == EINTR || errno == ECONNREFUSED));
    if (bytes < 0) {
      return std::nullopt;
    }
    received.bytes = static_cast<size_t>(bytes);
    received.route.peer_bytes = message.msg_namelen;
    for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
         header = CMSG_NXTHDR(&message, header)) {
      ReadControlMessage(header, &received);
    }
    return received;
  }

  bool Wait(int64_t timeout_ns) override {
    std::array<pollfd, 2> waits = {{{.fd = socket_.get(), .events = POLLIN, .revents = 0},
                                    {.fd = interruption_.get(), .events = POLLIN, .revents = 0}}};
    const timespec timeout = {timeout_ns / kNsPerSecond, timeout_ns % kNsPerSecond};
    const int ready =
        ppoll(waits.data(), waits.size(), timeout_ns < 0 ? nullptr : &timeout, nullptr);
    return ready > 0 && waits[1].revents == 0;
  }

  void Interrupt() override {
    const uint64_t one = 1;
    // The counter of an eventfd is never full here.
    [[maybe_unused]] const ssize_t written = write(interruption_.get(), &one, sizeof(one));
  }

  int port() const override {
    sockaddr_storage own = {};
    socklen_t bytes = sizeof(own);
    getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&own), &bytes);
    in_port_t port = 0;
    static_assert(offsetof(sockaddr_in, sin_port) == offsetof(sockaddr_in6, sin6_port));
    std::memcpy(&port, reinterpret_cast<const char*>(&own) + offsetof(sockaddr_in, sin_port),
                sizeof(port));
    return ntohs(port);
  }

 private:
  static void ReadControlMessage(const cmsghdr* header, ReceivedDatagram* received) {
    DatagramRoute& route = received->route;
    if (header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_TIMESTAMPNS) {
      const auto time = ReadControl<timespec>(header);
      received->kernel_realtime_ns = time.tv_sec * kNsPerSecond + time.tv_nsec;
    } else if (header->cmsg_level == SOL_SOCKET && header->cmsg_type == SO_RXQ_OVFL) {
      received->dropped_before = ReadControl<uint32_t>(header);
    } else if (header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_PKTINFO) {
      auto local = ReadControl<in_pktinfo>(header);
      // The interface is the routing table's business.
      local.ipi_ifindex = 0;
      std::memcpy(route.local.data(), &local, sizeof(local));
      route.local_bytes = sizeof(local);
      route.local_is_ipv6 = false;
    } else if (header->cmsg_level == IPPROTO_IPV6 && header->cmsg_type == IPV6_PKTINFO) {
      auto local = ReadControl<in6_pktinfo>(header);
      // As above, also for what came over IPv4; but a link-local address means nothing without.
      if (!IN6_IS_ADDR_LINKLOCAL(&local.ipi6_addr)) {
        local.ipi6_ifindex = 0;
      }
      std::memcpy(route.local.data(), &local, sizeof(local));
      route.local_bytes = sizeof(in6_pktinfo);
      route.local_is_ipv6 = true;
    }
  }

  const FileDescriptor socket_;
  const FileDescriptor interruption_;
};

struct FreeAddresses {
  void operator()(addrinfo* addresses) const { freeaddrinfo(addresses); }
};
using Addresses = std::unique_ptr<addrinfo, FreeAddresses>;

absl::StatusOr<Addresses> Resolve(const std::string& host, int port, int flags) {
  addrinfo hints = {};
  hints.ai_socktype = SOCK_DGRAM;
  hints.ai_flags = flags | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (error != 0) {
    return absl::InvalidArgumentError(
        fmt::format("{} is no address for UDP: {}", host, gai_strerror(error)));
  }
  return Addresses(found);
}

absl::StatusOr<std::unique_ptr<DatagramSocket>> Open(const std::string& host, int port,
                                                     bool is_server) {
  ASSIGN_OR_RETURN(const Addresses addresses,
                   Resolve(host, port, is_server ? AI_PASSIVE : AI_NUMERICHOST));
  const addrinfo& address = *addresses;
  FileDescriptor descriptor(
      socket(address.ai_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_UDP));
  FileDescriptor interruption(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  const int number = descriptor.get();
  if (number < 0 || interruption.get() < 0 || !SetOption(number, SOL_SOCKET, SO_TIMESTAMPNS)) {
    return Failed("open a socket for", host, port);
  }
  if (!is_server) {
    if (connect(number, address.ai_addr, address.ai_addrlen) != 0) {
      return Failed("reach", host, port);
    }
    return std::make_unique<KernelSocket>(std::move(descriptor), std::move(interruption));
  }
  const bool tells_local = address.ai_family == AF_INET6
                               ? SetOption(number, IPPROTO_IPV6, IPV6_RECVPKTINFO)
                               : SetOption(number, IPPROTO_IP, IP_PKTINFO);
  // Whatever net.ipv6.bindv6only says: "::" is all addresses, as it is to gRPC.
  const int off = 0;
  if (address.ai_family == AF_INET6 &&
      setsockopt(number, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) != 0) {
    return Failed("open a socket of both families for", host, port);
  }
  if (!SetOption(number, SOL_SOCKET, SO_RXQ_OVFL) || !tells_local ||
      bind(number, address.ai_addr, address.ai_addrlen) != 0) {
    return Failed("listen on", host, port);
  }
  return std::make_unique<KernelSocket>(std::move(descriptor), std::move(interruption));
}

}  // namespace

absl::StatusOr<std::unique_ptr<DatagramSocket>> BindDatagramSocket(const std::string& host,
                                                                   int port) {
  // As gRPC does: all addresses means those of IPv6 too, where there is any.
  if (host == "0.0.0.0") {
    absl::StatusOr<std::unique_ptr<DatagramSocket>> both = Open("::", port, /*is_server=*/true);
    if (both.ok()) {
      return both;
    }
  }
  return Open(host, port, /*is_server=*/true);
}

absl::StatusOr<std::unique_ptr<DatagramSocket>> ConnectDatagramSocket(const std::string& host,
                                                                      int port) {
  return Open(host, port, /*is_server=*/false);
}

}  // namespace audio_latency
