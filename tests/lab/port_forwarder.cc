#include "tests/lab/port_forwarder.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <array>
#include <list>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "common/status/status_macros.h"
#include "tests/lab/errno_status.h"

namespace audio_latency::lab {
namespace {

constexpr size_t kMostConnections = 64;

sockaddr_in LoopbackAddress(uint16_t port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

absl::StatusOr<FileDescriptor> Listen(uint16_t port) {
  FileDescriptor listener(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int on = 1;
  setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  const sockaddr_in address = LoopbackAddress(port);
  if (bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      listen(listener.get(), SOMAXCONN) != 0) {
    return ErrnoStatus(fmt::format("publishing port {}", port));
  }
  return listener;
}

// One direction of a connection: what was read from one side and not yet written to the other.
class Pipe {
 public:
  bool WantsToRead() const { return !at_end_ && pending_.empty(); }
  bool WantsToWrite() const { return !pending_.empty(); }
  bool IsDone() const { return at_end_ && pending_.empty(); }

  // Both return false when the connection is broken.
  bool Read(int from) {
    const ssize_t got = recv(from, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    if (got < 0) {
      return errno == EAGAIN || errno == EINTR;
    }
    at_end_ = got == 0;
    pending_ = std::string_view(buffer_.data(), static_cast<size_t>(got));
    return true;
  }
  bool Write(int to) {
    const ssize_t sent = send(to, pending_.data(), pending_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0) {
      return errno == EAGAIN || errno == EINTR;
    }
    pending_.remove_prefix(static_cast<size_t>(sent));
    return true;
  }
  // Once all is through, tells the other side that there is no more.
  void HandOnEnd(int to) {
    if (IsDone() && !std::exchange(end_handed_on_, true)) {
      shutdown(to, SHUT_WR);
    }
  }

 private:
  std::array<char, 32768> buffer_;
  std::string_view pending_;
  bool at_end_ = false;
  bool end_handed_on_ = false;
};

struct Connection {
  FileDescriptor outside;
  FileDescriptor inside;
  Pipe inward;
  Pipe outward;

  static int16_t Events(const Pipe& from, const Pipe& to) {
    return static_cast<int16_t>((from.WantsToRead() ? POLLIN : 0) |
                                (to.WantsToWrite() ? POLLOUT : 0));
  }
  // Moves what can be moved; false when the connection is at its end.
  bool Advance(int16_t outside_events, int16_t inside_events) {
    constexpr int kReadable = POLLIN | POLLHUP | POLLERR;
    bool works = true;
    if ((outside_events & kReadable) != 0 && inward.WantsToRead()) {
      works = works && inward.Read(outside.get());
    }
    if ((inside_events & kReadable) != 0 && outward.WantsToRead()) {
      works = works && outward.Read(inside.get());
    }
    if (inward.WantsToWrite()) {
      works = works && inward.Write(inside.get());
    }
    if (outward.WantsToWrite()) {
      works = works && outward.Write(outside.get());
    }
    inward.HandOnEnd(inside.get());
    outward.HandOnEnd(outside.get());
    return works && !(inward.IsDone() && outward.IsDone());
  }
};

class Forwarder final : public PortForwarder {
 public:
  Forwarder(FileDescriptor listener, uint16_t port, ForwardingTarget target)
      : listener_(std::move(listener)),
        stop_(eventfd(0, EFD_CLOEXEC)),
        port_(port),
        target_(std::move(target)),
        thread_([this] { Run(); }) {}

  ~Forwarder() override {
    const uint64_t one = 1;
    if (write(stop_.get(), &one, sizeof(one)) == sizeof(one)) {
      thread_.join();
    }
  }

  uint16_t port() const override { return port_; }

 private:
  void Run() {
    if (target_.network != nullptr && !target_.network->Enter().ok()) {
      return;
    }
    for (;;) {
      std::vector<pollfd> polled = {{stop_.get(), POLLIN, 0}};
      const bool has_room = connections_.size() < kMostConnections;
      polled.push_back({has_room ? listener_.get() : -1, POLLIN, 0});
      for (const Connection& connection : connections_) {
        polled.push_back({connection.outside.get(),
                          Connection::Events(connection.inward, connection.outward), 0});
        polled.push_back({connection.inside.get(),
                          Connection::Events(connection.outward, connection.inward), 0});
      }
      if (poll(polled.data(), polled.size(), -1) < 0 && errno != EINTR) {
        return;
      }
      if (polled[0].revents != 0) {
        return;
      }
      size_t index = 2;
      for (auto connection = connections_.begin(); connection != connections_.end(); index += 2) {
        const bool lives = connection->Advance(polled[index].revents, polled[index + 1].revents);
        connection = lives ? std::next(connection) : connections_.erase(connection);
      }
      if (polled[1].revents != 0) {
        Accept();
      }
    }
  }

  void Accept() {
    FileDescriptor outside(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!outside.is_open()) {
      return;
    }
    FileDescriptor inside(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address = LoopbackAddress(target_.port);
    inet_pton(AF_INET, target_.address.c_str(), &address.sin_addr);
    // Everything is on this machine: connecting either succeeds or fails at once.
    if (connect(inside.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) {
      Connection& connection = connections_.emplace_back();
      connection.outside = std::move(outside);
      connection.inside = std::move(inside);
    }
  }

  FileDescriptor listener_;
  FileDescriptor stop_;
  uint16_t port_;
  ForwardingTarget target_;
  std::list<Connection> connections_;
  std::thread thread_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<PortForwarder>> PortForwarder::PublishPort(
    const NetworkNamespace& listening_network, uint16_t port, const ForwardingTarget& target) {
  absl::StatusOr<FileDescriptor> listener = absl::InternalError("not run");
  uint16_t actual_port = 0;
  const auto listen_inside = [&] {
    listener = Listen(port);
    if (!listener.ok() && port != 0) {
      listener = Listen(0);
    }
    sockaddr_in address = {};
    socklen_t length = sizeof(address);
    if (listener.ok() &&
        getsockname(listener->get(), reinterpret_cast<sockaddr*>(&address), &length) == 0) {
      actual_port = ntohs(address.sin_port);
    }
    return listener.status();
  };
  RETURN_IF_ERROR(listening_network.RunInside(listen_inside));
  return std::make_unique<Forwarder>(*std::move(listener), actual_port, target);
}

}  // namespace audio_latency::lab
