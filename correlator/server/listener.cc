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

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <mutex>
#include <optional>
#include <span>
#include <string_view>
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
                   const ListenerOptions& options, RefusalCounters* refusals,
                   const Clock* monotonic, LimitedLogger* logger)
      : sockets_(std::move(sockets)),
        port_(PortOf(sockets_.front().get())),
        wake_(std::move(wake)),
        limits_(options.limits),
        greeting_(options.greeting),
        greeting_patience_(options.greeting_patience),
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
  // A connection that has not said anything yet.
  struct Silent {
    FileDescriptor fd;
    std::string peer;
    int64_t deadline_ns = 0;
  };

  void Run(const std::function<void(int)>& take) {
    const size_t own = 1 + sockets_.size();
    std::vector<pollfd> waited;
    for (;;) {
      waited.clear();
      waited.push_back({.fd = wake_.get(), .events = POLLIN, .revents = 0});
      for (const FileDescriptor& socket : sockets_) {
        waited.push_back({.fd = socket.get(), .events = POLLIN, .revents = 0});
      }
      for (const Silent& silent : silent_) {
        waited.push_back({.fd = silent.fd.get(), .events = POLLIN, .revents = 0});
      }
      if (poll(waited.data(), waited.size(), UntilNextDeadlineMs()) < 0) {
        continue;
      }
      if (waited.front().revents != 0) {
        silent_.clear();
        return;
      }
      Listen(std::span(waited).subspan(own), take);
      for (size_t i = 1; i < own; ++i) {
        if (waited[i].revents != 0) {
          Accept(waited[i].fd);
        }
      }
    }
  }

  // For poll().
  int UntilNextDeadlineMs() const {
    constexpr int64_t kNsPerMs = 1'000'000;
    if (silent_.empty()) {
      return -1;
    }
    // All have the same patience: the oldest comes first.
    const int64_t left_ns = silent_.front().deadline_ns - monotonic_.NowNs();
    return static_cast<int>(std::max<int64_t>(0, left_ns / kNsPerMs + 1));
  }

  // `polled`: of each silent connection, in their order.
  void Listen(std::span<const pollfd> polled, const std::function<void(int)>& take) {
    const int64_t now_ns = monotonic_.NowNs();
    size_t kept = 0;
    for (size_t i = 0; i < polled.size(); ++i) {
      Silent& silent = silent_[i];
      const GreetingState state = polled[i].revents == 0
                                      ? GreetingState::kNothingYet
                                      : LookAtGreeting(silent.fd.get(), greeting_);
      if (state == GreetingState::kExpected) {
        take(silent.fd.Release());
      } else if (state != GreetingState::kNothingYet) {
        RefuseGreeting(state, &silent);
      } else if (now_ns >= silent.deadline_ns) {
        Refuse(ServerRefusal::kNoGreeting, silent.peer,
               fmt::format("it said nothing for {} s",
                           std::chrono::duration<double>(greeting_patience_).count()));
        silent.fd.Close();
      } else {
        std::swap(silent_[kept++], silent);
      }
    }
    silent_.resize(kept);
  }

  void RefuseGreeting(GreetingState state, Silent* silent) {
    if (state == GreetingState::kNotTls) {
      Refuse(ServerRefusal::kNotTls, silent->peer,
             "it does not begin with TLS, which this port speaks; give the other side its "
             "certificates (TLS_CERT_FILE, TLS_KEY_FILE and TLS_CA_FILE, or --ca)");
    } else if (state == GreetingState::kUnexpectedTls) {
      Refuse(ServerRefusal::kUnexpectedTls, silent->peer,
             "it begins with TLS, and this port speaks plain text; give the correlator "
             "certificates (TLS_CERT_FILE, TLS_KEY_FILE, TLS_CA_FILE), or the other side none");
    } else if (state == GreetingState::kNotHttp2) {
      Refuse(ServerRefusal::kNotHttp2, silent->peer,
             "it does not begin with HTTP/2, so that it is no gRPC; check what is sent here");
    }
    // Read, so that the other side sees an orderly end and no reset.
    constexpr size_t kReadBytes = 4096;
    char read_away[kReadBytes];
    static_cast<void>(recv(silent->fd.get(), read_away, sizeof(read_away), MSG_DONTWAIT));
    silent->fd.Close();
  }

  void Refuse(ServerRefusal cause, const std::string& peer, std::string_view why) {
    refusals_.Count(cause);
    logger_.Log(LogLevel::kWarn, "connection_refused",
                fmt::format("A connection from {} was refused: {}", peer, why), {{"peer", peer}});
  }

  void Accept(int socket) {
    sockaddr_storage address = {};
    socklen_t size = sizeof(address);
    FileDescriptor fd(accept4(socket, reinterpret_cast<sockaddr*>(&address), &size,
                              SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!fd.is_open()) {
      // Others than these are of a connection that went already (accept(2), "Error handling").
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        refusals_.Count(ServerRefusal::kAcceptFailed);
        std::this_thread::sleep_for(kPauseWithoutDescriptors);
      }
      return;
    }
    if (!Admit(fd.get(), address)) {
      return;
    }
    const int on = 1;
    setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    const int64_t patience_ns =
        std::chrono::duration_cast<std::chrono::nanoseconds>(greeting_patience_).count();
    silent_.push_back({.fd = std::move(fd),
                       .peer = IpAddress::FromSocket(address).ToString(),
                       .deadline_ns = monotonic_.NowNs() + patience_ns});
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
      Refuse(is_of_all ? ServerRefusal::kConnectionLimit : ServerRefusal::kAddressConnectionLimit,
             IpAddress::FromSocket(peer).ToString(),
             is_of_all
                 ? fmt::format("{} are open, which is the limit; raise MAX_CONNECTIONS if they "
                               "are wanted",
                               open_.size())
                 : fmt::format("{} of its address are open, which is the limit; raise "
                               "MAX_CONNECTIONS_PER_ADDRESS if they are wanted",
                               open_.Of(key)));
      return false;
    }
    open_.Add(fd, key);
    return true;
  }

  std::vector<FileDescriptor> sockets_;
  const uint16_t port_;
  const FileDescriptor wake_;
  const ListenerLimits limits_;
  const Greeting greeting_;
  const std::chrono::milliseconds greeting_patience_;
  RefusalCounters& refusals_;
  const Clock& monotonic_;
  LimitedLogger& logger_;
  mutable std::mutex mutex_;
  mutable OpenConnections open_;
  std::optional<int64_t> cleaned_ns_;
  // Of the thread, in the order in which they came.
  std::vector<Silent> silent_;
  std::thread thread_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Listener>> Listener::Open(const ListenerOptions& options,
                                                         RefusalCounters* refusals,
                                                         const Clock* monotonic,
                                                         LimitedLogger* logger) {
  const bool is_any_ipv4 = options.host == "0.0.0.0";
  absl::StatusOr<std::vector<FileDescriptor>> sockets =
      ListenOnAll(is_any_ipv4 ? "::" : options.host, options.port);
  if (!sockets.ok() && is_any_ipv4) {
    sockets = ListenOnAll(options.host, options.port);  // a machine without IPv6
  }
  RETURN_IF_ERROR(sockets.status());
  FileDescriptor wake(eventfd(0, EFD_CLOEXEC));
  if (wake.get() < 0) {
    return absl::UnavailableError(fmt::format("eventfd: {}", std::strerror(errno)));
  }
  return std::make_unique<ThreadedListener>(*std::move(sockets), std::move(wake), options, refusals,
                                            monotonic, logger);
}

}  // namespace audio_latency::correlator
