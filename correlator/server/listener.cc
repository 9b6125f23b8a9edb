#include "correlator/server/listener.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "common/address/ip_address.h"
#include "common/process/file_descriptor.h"
#include "common/status/status_macros.h"
#include "fmt/format.h"
#include "nlohmann/json.hpp"

namespace audio_latency::correlator {
namespace {

constexpr int kBacklog = 1024;
// How long to wait where no descriptor is left.
constexpr std::chrono::milliseconds kPauseWithoutDescriptors(100);
// Looking through all connections for those that are closed takes a call of the kernel each: a
// flood that is refused must not cause it at every connection.
constexpr int64_t kCleaningSpacingNs = 100'000'000;

// 0 when the descriptor is closed.
uint64_t InodeOf(int fd) {
  struct stat found = {};
  return fstat(fd, &found) == 0 ? found.st_ino : 0;
}

// The connections that are open. gRPC does not tell when it closes one; but a socket's inode is its
// own, so that a descriptor with another inode, or none, says so.
class OpenConnections {
 public:
  void Add(int fd, const IpAddress& address) {
    // Whoever had this descriptor before has closed it.
    Remove(fd);
    by_fd_.emplace(fd, Connection{InodeOf(fd), address});
    ++by_address_[address];
  }

  void RemoveClosed() {
    for (auto entry = by_fd_.begin(); entry != by_fd_.end();) {
      const auto current = entry++;
      if (InodeOf(current->first) != current->second.inode) {
        Remove(current->first);
      }
    }
  }

  size_t size() const { return by_fd_.size(); }
  size_t Of(const IpAddress& address) const {
    const auto found = by_address_.find(address);
    return found == by_address_.end() ? 0 : found->second;
  }

 private:
  struct Connection {
    uint64_t inode = 0;
    IpAddress address;
  };

  void Remove(int fd) {
    const auto found = by_fd_.find(fd);
    if (found == by_fd_.end()) {
      return;
    }
    const auto count = by_address_.find(found->second.address);
    if (--count->second == 0) {
      by_address_.erase(count);
    }
    by_fd_.erase(found);
  }

  absl::flat_hash_map<int, Connection> by_fd_;
  absl::flat_hash_map<IpAddress, size_t> by_address_;
};

absl::StatusOr<FileDescriptor> ListenOn(const addrinfo& address) {
  const auto fail = [](const char* what) {
    return absl::UnavailableError(fmt::format("{}: {}", what, std::strerror(errno)));
  };
  FileDescriptor fd(
      socket(address.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
  if (fd.get() < 0) {
    return fail("socket");
  }
  const int on = 1;
  const int off = 0;
  // Lets a correlator start anew while connections of the one before linger; two at once on one
  // port, of which each would get some of the probes, are still refused.
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (address.ai_family == AF_INET6) {
    const bool is_any =
        IN6_IS_ADDR_UNSPECIFIED(&reinterpret_cast<sockaddr_in6*>(address.ai_addr)->sin6_addr);
    setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, is_any ? &off : &on, sizeof(on));
  }
  if (bind(fd.get(), address.ai_addr, address.ai_addrlen) != 0) {
    return fail("bind");
  }
  if (listen(fd.get(), kBacklog) != 0) {
    return fail("listen");
  }
  return fd;
}

uint16_t PortOf(int fd) {
  sockaddr_storage address = {};
  socklen_t size = sizeof(address);
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.ss_family == AF_INET6
                   ? reinterpret_cast<const sockaddr_in6&>(address).sin6_port
                   : reinterpret_cast<const sockaddr_in&>(address).sin_port);
}

absl::StatusOr<std::vector<FileDescriptor>> ListenOnAll(const std::string& host, uint16_t port) {
  addrinfo hints = {};
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  std::vector<FileDescriptor> sockets;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (error != 0) {
    return absl::UnavailableError(fmt::format("{}: {}", host, gai_strerror(error)));
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> addresses(found, freeaddrinfo);
  for (addrinfo* address = found; address != nullptr; address = address->ai_next) {
    if (port != 0) {
      // Of a free port too, all addresses have the same.
      auto& bound = address->ai_family == AF_INET6
                        ? reinterpret_cast<sockaddr_in6*>(address->ai_addr)->sin6_port
                        : reinterpret_cast<sockaddr_in*>(address->ai_addr)->sin_port;
      bound = htons(port);
    }
    ASSIGN_OR_RETURN(FileDescriptor fd, ListenOn(*address));
    port = PortOf(fd.get());
    sockets.push_back(std::move(fd));
  }
  return sockets;
}

class ThreadedListener final : public Listener {
 public:
  ThreadedListener(std::vector<FileDescriptor> sockets, FileDescriptor wake,
                   const ListenerLimits& limits, RefusalCounters* refusals, const Clock* monotonic,
                   LimitedLogger* logger)
      : sockets_(std::move(sockets)),
        port_(PortOf(sockets_.front().get())),
        wake_(std::move(wake)),
        limits_(limits),
        refusals_(*refusals),
        monotonic_(*monotonic),
        logger_(*logger) {}

  ~ThreadedListener() override { ThreadedListener::Stop(); }

  void Stop() override {
    if (thread_.joinable()) {
      eventfd_write(wake_.get(), 1);
      thread_.join();
    }
    sockets_.clear();
  }

  void Start(std::function<void(int)> take) override {
    thread_ = std::thread([this, take = std::move(take)] { Run(take); });
  }

  uint16_t port() const override { return port_; }

  uint32_t open_connections() const override {
    const std::scoped_lock lock(mutex_);
    open_.RemoveClosed();
    return static_cast<uint32_t>(open_.size());
  }

 private:
  void Run(const std::function<void(int)>& take) {
    std::vector<pollfd> waited = {{.fd = wake_.get(), .events = POLLIN, .revents = 0}};
    for (const FileDescriptor& socket : sockets_) {
      waited.push_back({.fd = socket.get(), .events = POLLIN, .revents = 0});
    }
    while (waited.front().revents == 0) {
      if (poll(waited.data(), waited.size(), -1) <= 0) {
        continue;
      }
      for (size_t i = 1; i < waited.size(); ++i) {
        if (waited[i].revents != 0) {
          Accept(waited[i].fd, take);
        }
      }
    }
  }

  void Accept(int socket, const std::function<void(int)>& take) {
    sockaddr_storage address = {};
    socklen_t size = sizeof(address);
    const int fd =
        accept4(socket, reinterpret_cast<sockaddr*>(&address), &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
      // Others than these are of a connection that went already (accept(2), "Error handling").
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        refusals_.Count(ServerRefusal::kAcceptFailed);
        std::this_thread::sleep_for(kPauseWithoutDescriptors);
      }
      return;
    }
    if (!Admit(fd, address)) {
      close(fd);
      return;
    }
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    take(fd);
  }

  bool Admit(int fd, const sockaddr_storage& peer) {
    const IpAddress key = IpAddress::FromSocket(peer).Holder();
    const std::scoped_lock lock(mutex_);
    const auto is_full = [&] {
      return open_.size() >= limits_.max_connections ||
             open_.Of(key) >= limits_.max_connections_per_address;
    };
    if (is_full()) {
      if (const int64_t now_ns = monotonic_.NowNs();
          !cleaned_ns_.has_value() || now_ns - *cleaned_ns_ >= kCleaningSpacingNs) {
        cleaned_ns_ = now_ns;
        open_.RemoveClosed();
      }
    }
    if (is_full()) {
      const bool is_of_all = open_.size() >= limits_.max_connections;
      refusals_.Count(is_of_all ? ServerRefusal::kConnectionLimit
                                : ServerRefusal::kAddressConnectionLimit);
      const std::string address = IpAddress::FromSocket(peer).ToString();
      logger_.Log(
          LogLevel::kWarn, "connection_refused",
          is_of_all
              ? fmt::format("A connection from {} was refused: {} are open, which is the limit; "
                            "raise MAX_CONNECTIONS if they are wanted",
                            address, open_.size())
              : fmt::format(
                    "A connection from {} was refused: {} of its address are open, which is "
                    "the limit; raise MAX_CONNECTIONS_PER_ADDRESS if they are wanted",
                    address, open_.Of(key)),
          {{"peer", address}});
      return false;
    }
    open_.Add(fd, key);
    return true;
  }

  std::vector<FileDescriptor> sockets_;
  const uint16_t port_;
  const FileDescriptor wake_;
  const ListenerLimits limits_;
  RefusalCounters& refusals_;
  const Clock& monotonic_;
  LimitedLogger& logger_;
  mutable std::mutex mutex_;
  mutable OpenConnections open_;
  std::optional<int64_t> cleaned_ns_;
  std::thread thread_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Listener>> Listener::Open(const std::string& host, uint16_t port,
                                                         const ListenerLimits& limits,
                                                         RefusalCounters* refusals,
                                                         const Clock* monotonic,
                                                         LimitedLogger* logger) {
  absl::StatusOr<std::vector<FileDescriptor>> sockets =
      ListenOnAll(host == "0.0.0.0" ? "::" : host, port);
  if (!sockets.ok() && host == "0.0.0.0") {
    sockets = ListenOnAll(host, port);  // a machine without IPv6
  }
  RETURN_IF_ERROR(sockets.status());
  FileDescriptor wake(eventfd(0, EFD_CLOEXEC));
  if (wake.get() < 0) {
    return absl::UnavailableError(fmt::format("eventfd: {}", std::strerror(errno)));
  }
  return std::make_unique<ThreadedListener>(*std::move(sockets), std::move(wake), limits, refusals,
                                            monotonic, logger);
}

}  // namespace audio_latency::correlator
