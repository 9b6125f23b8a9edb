#include "correlator/kubernetes/api_client.h"

#include <fcntl.h>
#include <httplib.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <system_error>
#include <utility>

#include "common/address/ip_address.h"
#include "common/status/status_macros.h"
#include "common/tls/freed.h"
#include "common/version/version.h"
#include "correlator/kubernetes/object_decoder.h"
#include "correlator/kubernetes/tls_client.h"
#include "fmt/format.h"

namespace audio_latency::correlator {
namespace {

constexpr std::chrono::seconds kConnectPatience(5);
constexpr size_t kMaxRefusalBytes = 4096;
constexpr int kMaxRetryAfterSeconds = 60;
constexpr int kOk = 200;

ApiError ErrorOfStatus(int status) {
  switch (status) {
    case 401:
      return ApiError::kUnauthorized;
    case 403:
      return ApiError::kForbidden;
    case 404:
    case 405:
    case 406:
      return ApiError::kNotFound;
    case 410:
      return ApiError::kGone;
    case 429:
      return ApiError::kThrottled;
    case 504:
      return ApiError::kTimeout;
    default:
      return status >= 500 ? ApiError::kServerError : ApiError::kMalformed;
  }
}

std::optional<std::chrono::seconds> RetryAfter(const httplib::Response& response) {
  const std::string text = response.get_header_value("Retry-After");
  int seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc() || end != text.data() + text.size() || seconds < 0) {
    return std::nullopt;  // none, or a date, which the API server does not send
  }
  return std::chrono::seconds(std::min(seconds, kMaxRetryAfterSeconds));
}

// A peer that is gone without a word is noticed within half a minute, however quiet a watch is.
void FindDeadPeers(int socket) {
  const auto set = [socket](int level, int option, int value) {
    setsockopt(socket, level, option, &value, sizeof(value));
  };
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, 10);
  set(IPPROTO_TCP, TCP_KEEPINTVL, 5);
  set(IPPROTO_TCP, TCP_KEEPCNT, 3);
  set(IPPROTO_TCP, TCP_USER_TIMEOUT, 25'000);
}

std::string_view TextOf(httplib::Error error) {
  switch (error) {
    case httplib::Error::Connection:
      return "nothing answers at this address";
    case httplib::Error::ConnectionTimeout:
      return "the connection was not made in time";
    case httplib::Error::SSLConnection:
      return "TLS cannot be agreed on with it";
    case httplib::Error::Read:
      return "it went silent or closed the connection";
    case httplib::Error::Write:
      return "the question could not be sent";
    default:
      return "the HTTP library failed";
  }
}

// The first of its addresses; "" when the name is not known.
std::string LookUp(const std::string& host) {
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0) {
    return {};
  }
  const std::unique_ptr<addrinfo, Freed<freeaddrinfo>> owned(found);
  sockaddr_storage address = {};
  std::memcpy(&address, found->ai_addr, std::min<size_t>(found->ai_addrlen, sizeof(address)));
  return IpAddress::FromSocket(address).ToString();
}

}  // namespace

struct ApiClient::Connection {
  // Why the server's certificate was refused; "": it was not.
  std::string refusal;
  std::unique_ptr<httplib::ClientImpl> http;
};

ApiClient::ApiClient(ClusterAccess access) : access_(std::move(access)) {}

ApiClient::~ApiClient() = default;

void ApiClient::Disconnect() {
  connection_.reset();
  const std::scoped_lock lock(mutex_);
  socket_.Close();
}

void ApiClient::Stop() {
  const std::scoped_lock lock(mutex_);
  is_stopped_ = true;
  if (socket_.is_open()) {
    // Also wakes who waits for a connection to be made.
    shutdown(socket_.get(), SHUT_RDWR);
  }
}

void ApiClient::Watch(int socket) {
  FindDeadPeers(socket);
  const std::scoped_lock lock(mutex_);
  socket_ = FileDescriptor(fcntl(socket, F_DUPFD_CLOEXEC, 0));
  if (is_stopped_) {
    shutdown(socket, SHUT_RDWR);
  }
}

ApiOutcome ApiClient::Connect() {
  auto connection = std::make_unique<Connection>();
  if (access_.is_tls) {
    // The name in the certificate is the one to be asked for as well (SNI).
    const std::string& name = access_.server_name.empty() ? access_.host : access_.server_name;
    auto http = std::make_unique<httplib::SSLClient>(name, access_.port);
    if (name != access_.host) {
      const std::string address =
          IpAddress::Parse(access_.host).ok() ? access_.host : LookUp(access_.host);
      if (address.empty()) {
        return {.error = ApiError::kUnreachable,
                .message = fmt::format("the name {} is not known", access_.host)};
      }
      http->set_hostname_addr_map({{name, address}});
    }
    // The library's own check would trust the system's authorities beside the cluster's.
    http->enable_server_certificate_verification(false);
    if (const absl::Status status = SetUpTls(access_, http->ssl_context(), &connection->refusal);
        !status.ok()) {
      return {.error = ApiError::kCredentials, .message = Message(status)};
    }
    connection->http = std::move(http);
  } else {
    connection->http = std::make_unique<httplib::ClientImpl>(access_.host, access_.port);
  }
  connection->http->set_keep_alive(true);
  connection->http->set_url_encode(false);  // paths are escaped already
  connection->http->set_tcp_nodelay(true);
  connection->http->set_connection_timeout(kConnectPatience);
  connection->http->set_write_timeout(kConnectPatience);
  connection->http->set_socket_options([this](int socket) { Watch(socket); });
  connection_ = std::move(connection);
  return {};
}

ApiOutcome ApiClient::Get(const ApiRequest& request,
                          const std::function<bool(std::string_view)>& take) {
  {
    const std::scoped_lock lock(mutex_);
    if (is_stopped_) {
      return {.error = ApiError::kInterrupted, .message = "stopped"};
    }
  }
  if (connection_ == nullptr) {
    if (ApiOutcome outcome = Connect(); !outcome.ok()) {
      return outcome;
    }
  }
  httplib::Headers headers = {
      {"Accept", request.accept},
      {"Host", fmt::format("{}:{}", access_.host, access_.port)},
      {"User-Agent", fmt::format("audio-latency-correlator/{}", Version())}};
  if (!access_.token.empty()) {
    const absl::StatusOr<std::string> token = access_.token.Load();
    if (!token.ok()) {
      return {.error = ApiError::kCredentials, .message = Message(token.status())};
    }
    headers.emplace("Authorization", "Bearer " + *token);
  }
  connection_->refusal.clear();
  connection_->http->set_read_timeout(request.silence);

  const auto end = std::chrono::steady_clock::now() + request.total;
  ApiOutcome outcome;
  std::string refusal_body;
  bool is_too_late = false;
  bool is_enough = false;
  const httplib::Result result = connection_->http->Get(
      access_.path_prefix + request.path, headers,
      [&](const httplib::Response& response) {
        outcome.status = response.status;
        outcome.retry_after = RetryAfter(response);
        if (response.status == kOk && request.on_begin) {
          request.on_begin();
        }
        return true;
      },
      [&](const char* bytes, size_t count) {
        is_too_late = std::chrono::steady_clock::now() > end;
        if (is_too_late) {
          return false;
        }
        if (outcome.status != kOk) {
          refusal_body.append(bytes, std::min(count, kMaxRefusalBytes - refusal_body.size()));
          return refusal_body.size() < kMaxRefusalBytes;
        }
        is_enough = !take({bytes, count});
        return !is_enough;
      });
  if (outcome.status != 0 && outcome.status != kOk) {
    outcome.error = ErrorOfStatus(outcome.status);
    const std::string said = MessageOfStatus(refusal_body);
    outcome.message = fmt::format("HTTP {}{}{}", outcome.status, said.empty() ? "" : ": ", said);
  } else if (is_too_late) {
    outcome.error = ApiError::kTimeout;
    outcome.message =
        fmt::format("the answer was not there within {} s",
                    std::chrono::duration_cast<std::chrono::seconds>(request.total).count());
  } else if (!is_enough && !result) {
    if (!connection_->refusal.empty()) {
      outcome.error = ApiError::kCertificate;
      outcome.message = fmt::format("its certificate is not accepted: {}", connection_->refusal);
    } else {
      const bool has_begun = outcome.status == kOk;
      outcome.error = has_begun ? ApiError::kInterrupted : ApiError::kUnreachable;
      outcome.message =
          fmt::format("{}{}", has_begun ? "the answer broke off: " : "", TextOf(result.error()));
    }
  }
  if (!outcome.ok() || is_enough) {
    Disconnect();
  }
  return outcome;
}

std::string EscapeQuery(std::string_view text) {
  std::string escaped;
  for (const char letter : text) {
    const bool is_plain = (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
                          (letter >= '0' && letter <= '9') || letter == '-' || letter == '_' ||
                          letter == '.' || letter == '~';
    if (is_plain) {
      escaped.push_back(letter);
    } else {
      escaped += fmt::format("%{:02X}", static_cast<unsigned char>(letter));
    }
  }
  return escaped;
}

}  // namespace audio_latency::correlator
