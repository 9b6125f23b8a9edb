#include "common/http/http_server.h"

#include <civetweb.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <map>
#include <stop_token>
#include <string_view>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "common/address/ip_address.h"
#include "common/status/status_macros.h"

namespace audio_latency {
namespace {

// A slow client holds one of the threads for at most the timeout, so that a few of them do not keep
// the kubelet from /healthz.
constexpr const char* kThreads = "8";
constexpr const char* kRequestTimeoutMs = "5000";
constexpr std::chrono::milliseconds kWakeInterval(5);

std::string_view ReasonPhrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 503:
      return "Service Unavailable";
    default:
      return mg_get_response_code_text(nullptr, status);
  }
}

void Send(mg_connection* connection, const HttpResponse& response, bool with_body,
          std::string_view extra_header = {}) {
  std::string text = fmt::format(
      "HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nCache-Control: no-store\r\n"
      "Connection: close\r\n{}\r\n",
      response.status, ReasonPhrase(response.status), response.content_type, response.body.size(),
      extra_header);
  if (with_body) {
    text += response.body;
  }
  mg_write(connection, text.data(), text.size());
}

std::string HostAndPort(const IpAddress& address, uint16_t port) {
  return address.is_v4() ? fmt::format("{}:{}", address.ToString(), port)
                         : fmt::format("[{}]:{}", address.ToString(), port);
}

// As the kernel wants it.
struct SocketName {
  SocketName(const IpAddress& address, uint16_t port) {
    const std::string bytes = address.ToBytes();
    if (address.is_v4()) {
      auto* const v4 = reinterpret_cast<sockaddr_in*>(&storage);
      v4->sin_family = AF_INET;
      v4->sin_port = htons(port);
      std::memcpy(&v4->sin_addr, bytes.data(), bytes.size());
      size = sizeof(*v4);
    } else {
      auto* const v6 = reinterpret_cast<sockaddr_in6*>(&storage);
      v6->sin6_family = AF_INET6;
      v6->sin6_port = htons(port);
      std::memcpy(&v6->sin6_addr, bytes.data(), bytes.size());
      size = sizeof(*v6);
    }
  }

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }

  sockaddr_storage storage = {};
  socklen_t size = 0;
};

int OpenSocket(const IpAddress& address, int flags = 0) {
  return socket(address.is_v4() ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
}

// CivetWeb tells only that it could not start: asks the kernel again why.
absl::Status StartError(const IpAddress& address, uint16_t port) {
  const std::string where = HostAndPort(address, port);
  const int socket_fd = OpenSocket(address);
  const SocketName name(address, port);
  const int reuse = 1;  // as CivetWeb does: connections in TIME_WAIT are no obstacle
  setsockopt(socket_fd, SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof(reuse));
  int error = 0;
  if (socket_fd < 0 || bind(socket_fd, name.get(), name.size) != 0 || listen(socket_fd, 1) != 0) {
    error = errno;
  }
  close(socket_fd);
  switch (error) {
    case EADDRINUSE:
      return absl::UnavailableError(fmt::format(
          "cannot listen on {}: port {} is already taken; stop the program that holds it "
          "(`ss -ltnp` tells which) or choose another port",
          where, port));
    case EADDRNOTAVAIL:
      return absl::UnavailableError(fmt::format(
          "cannot listen on {}: this machine has no such address; `ip addr` lists those it has",
          where));
    case EACCES:
      return absl::PermissionDeniedError(fmt::format(
          "cannot listen on {}: ports below 1024 need CAP_NET_BIND_SERVICE; choose a higher port",
          where));
    case 0:
      if (!address.is_v4() && mg_check_feature(MG_FEATURES_IPV6) == 0) {
        return absl::UnimplementedError(fmt::format(
            "cannot listen on {}: CivetWeb was built without IPv6 here; give an IPv4 address, "
            "0.0.0.0 for all",
            where));
      }
      return absl::UnavailableError(
          fmt::format("cannot listen on {}: the HTTP server did not start; try again", where));
    default:
      return absl::UnavailableError(
          fmt::format("cannot listen on {}: {}", where, std::strerror(error)));
  }
}

class CivetWebServer final : public HttpServer {
 public:
  explicit CivetWebServer(std::vector<HttpRoute> routes) {
    mg_init_library(0);
    for (HttpRoute& route : routes) {
      routes_.insert_or_assign(std::move(route.path), std::move(route.handler));
    }
  }

  ~CivetWebServer() override {
    if (context_ != nullptr) {
      // CivetWeb waits for a connection and looks only each 2 s whether it is to end: give it one.
      const std::jthread waker([this](const std::stop_token& stop) {
        while (!stop.stop_requested()) {
          Connect();
          std::this_thread::sleep_for(kWakeInterval);
        }
      });
      mg_stop(context_);
    }
    mg_exit_library();
  }

  absl::Status Listen(const std::string& listen_address, uint16_t port) {
    ASSIGN_OR_RETURN(const IpAddress address, IpAddress::Parse(listen_address));
    address_ = address;
    const std::string where = HostAndPort(address, port);
    const std::array<const char*, 7> options = {
        "listening_ports",    where.c_str(),     "num_threads", kThreads,
        "request_timeout_ms", kRequestTimeoutMs, nullptr};
    mg_callbacks callbacks = {};
    callbacks.begin_request = &CivetWebServer::BeginRequest;
    callbacks.log_message = &CivetWebServer::DropMessage;
    context_ = mg_start(&callbacks, this, const_cast<const char**>(options.data()));
    if (context_ == nullptr) {
      return StartError(address, port);
    }
    mg_server_port listened = {};
    if (mg_get_server_ports(context_, 1, &listened) != 1) {
      return absl::InternalError(
          fmt::format("the HTTP server on {} does not tell its port", where));
    }
    port_ = static_cast<uint16_t>(listened.port);
    return absl::OkStatus();
  }

  uint16_t port() const override { return port_; }

 private:
  // Returns 1: the request is answered.
  static int BeginRequest(mg_connection* connection) {
    const mg_request_info* request = mg_get_request_info(connection);
    const auto* self = static_cast<const CivetWebServer*>(request->user_data);
    const std::string_view method = request->request_method;
    const bool is_head = method == "HEAD";
    const auto route = self->routes_.find(request->local_uri);
    if (route == self->routes_.end()) {
      Send(connection, {404, "text/plain; charset=utf-8", self->NotFoundText()}, !is_head);
    } else if (method != "GET" && !is_head) {
      Send(connection, {405, "text/plain; charset=utf-8", "only GET and HEAD are answered here\n"},
           true, "Allow: GET, HEAD\r\n");
    } else {
      Send(connection, route->second(), !is_head);
    }
    return 1;
  }

  // Clients that hang up are no news; without this CivetWeb writes to standard error.
  static int DropMessage(const mg_connection* /*connection*/, const char* /*message*/) { return 1; }

  void Connect() const {
    const int socket_fd = OpenSocket(address_, SOCK_NONBLOCK);
    // Connecting to the address of all interfaces (0.0.0.0, ::) reaches this machine.
    const SocketName name(address_, port_);
    if (socket_fd >= 0) {
      // Whether it works does not matter: then CivetWeb looks by itself, later.
      static_cast<void>(connect(socket_fd, name.get(), name.size));
      close(socket_fd);
    }
  }

  std::string NotFoundText() const {
    std::string text = "not found; there is:\n";
    for (const auto& [path, handler] : routes_) {
      text += path + "\n";
    }
    return text;
  }

  std::map<std::string, std::function<HttpResponse()>, std::less<>> routes_;
  mg_context* context_ = nullptr;
  IpAddress address_;
  uint16_t port_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(const std::string& listen_address,
                                                              uint16_t port,
                                                              std::vector<HttpRoute> routes) {
  auto server = std::make_unique<CivetWebServer>(std::move(routes));
  if (absl::Status status = server->Listen(listen_address, port); !status.ok()) {
    return status;
  }
  return server;
}

}  // namespace audio_latency
