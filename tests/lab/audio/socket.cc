#include "tests/lab/audio/socket.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <time.h>

#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <thread>

#include "common/address/ip_address.h"
#include "common/status/status_macros.h"
#include "tests/lab/audio/pacing.h"
#include "tests/lab/errno_status.h"

namespace audio_latency::lab {
namespace {

sockaddr_in6 AnyAddress(uint16_t port) {
  sockaddr_in6 address = {};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(port);
  return address;
}

const sockaddr* Generic(const sockaddr_in6& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

void Set(const FileDescriptor& socket, int level, int option, int value) {
  setsockopt(socket.get(), level, option, &value, sizeof(value));
}

// IPv4 and IPv6 by one socket.
FileDescriptor Open(int type) {
  FileDescriptor opened(socket(AF_INET6, type | SOCK_CLOEXEC, 0));
  Set(opened, IPPROTO_IPV6, IPV6_V6ONLY, 0);
  return opened;
}

absl::StatusOr<FileDescriptor> Bind(int type, uint16_t port) {
  FileDescriptor bound = Open(type);
  Set(bound, SOL_SOCKET, SO_REUSEADDR, 1);
  const sockaddr_in6 address = AnyAddress(port);
  if (bind(bound.get(), Generic(address), sizeof(address)) != 0) {
    return ErrnoStatus(fmt::format("binding port {}", port));
  }
  return bound;
}

}  // namespace

absl::StatusOr<sockaddr_in6> ParseSocketAddress(const std::string& text) {
  const size_t colon = text.rfind(':');
  std::string host = text.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  uint16_t port = 0;
  const char* end = text.data() + text.size();
  if (colon == std::string::npos ||
      std::from_chars(text.data() + colon + 1, end, port).ptr != end) {
    return absl::InvalidArgumentError(
        fmt::format("\"{}\" is not an address with a port, as 10.0.1.5:7000", text));
  }
  ASSIGN_OR_RETURN(const IpAddress address, IpAddress::Parse(host));
  sockaddr_in6 result = AnyAddress(port);
  std::memcpy(&result.sin6_addr, address.mapped().data(), address.mapped().size());
  return result;
}

absl::StatusOr<FileDescriptor> ConnectTcp(const std::string& text) {
  ASSIGN_OR_RETURN(const sockaddr_in6 address, ParseSocketAddress(text));
  constexpr int kTries = 100;
  int error = 0;
  for (int i = 0; i < kTries; ++i) {
    FileDescriptor connected = Open(SOCK_STREAM);
    if (connect(connected.get(), Generic(address), sizeof(address)) == 0) {
      Set(connected, IPPROTO_TCP, TCP_NODELAY, 1);
      return connected;
    }
    error = errno;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  return ErrnoStatus(fmt::format("connecting to {}", text), error);
}

absl::StatusOr<FileDescriptor> ListenTcp(uint16_t port) {
  ASSIGN_OR_RETURN(FileDescriptor listener, Bind(SOCK_STREAM, port));
  if (listen(listener.get(), SOMAXCONN) != 0) {
    return ErrnoStatus(fmt::format("listening on port {}", port));
  }
  return listener;
}

absl::StatusOr<FileDescriptor> AcceptTcp(const FileDescriptor& listener) {
  FileDescriptor accepted(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!accepted.is_open()) {
    return ErrnoStatus("accepting a connection");
  }
  Set(accepted, IPPROTO_TCP, TCP_NODELAY, 1);
  return accepted;
}

absl::StatusOr<FileDescriptor> BindUdp(uint16_t port) { return Bind(SOCK_DGRAM, port); }

void SayListening() {
  fmt::print("{}\n", kListening);
  std::fflush(stdout);
}

absl::Status SendAll(const FileDescriptor& socket, const char* data, size_t length) {
  while (length > 0) {
    const ssize_t sent = send(socket.get(), data, length, MSG_NOSIGNAL);
    if (sent < 0 && errno != EINTR) {
      return ErrnoStatus("sending");
    }
    if (sent > 0) {
      data += sent;
      length -= static_cast<size_t>(sent);
    }
  }
  return absl::OkStatus();
}

void EnableArrivalTimes(const FileDescriptor& socket) {
  Set(socket, SOL_SOCKET, SO_TIMESTAMPNS, 1);
}

absl::StatusOr<Arrival> Receive(const FileDescriptor& socket) {
  char buffer[65536];
  alignas(cmsghdr) char control[256];
  iovec vector = {.iov_base = buffer, .iov_len = sizeof(buffer)};
  msghdr message = {};
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  ssize_t got = 0;
  do {
    got = recvmsg(socket.get(), &message, 0);
  } while (got < 0 && errno == EINTR);
  if (got < 0) {
    return ErrnoStatus("receiving");
  }
  Arrival arrival = {std::string(buffer, static_cast<size_t>(got)), MonotonicNowNs()};
  for (cmsghdr* item = CMSG_FIRSTHDR(&message); item != nullptr;
       item = CMSG_NXTHDR(&message, item)) {
    if (item->cmsg_level == SOL_SOCKET && item->cmsg_type == SO_TIMESTAMPNS) {
      // The kernel tells Unix time: how long ago was it?
      timespec stamp = {};
      timespec now = {};
      std::memcpy(&stamp, CMSG_DATA(item), sizeof(stamp));
      clock_gettime(CLOCK_REALTIME, &now);
      const int64_t age_ns =
          (now.tv_sec - stamp.tv_sec) * 1'000'000'000 + now.tv_nsec - stamp.tv_nsec;
      constexpr int64_t kPlausibleAgeNs = 1'000'000'000;  // unless the clock was set in between
      if (age_ns >= 0 && age_ns < kPlausibleAgeNs) {
        arrival.time_ns -= age_ns;
      }
    }
  }
  return arrival;
}

}  // namespace audio_latency::lab
