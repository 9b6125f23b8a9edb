// A small HTTP/1.1 server on one port, over CivetWeb: what /metrics and /healthz need.

#ifndef COMMON_HTTP_HTTP_SERVER_H_
#define COMMON_HTTP_HTTP_SERVER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace audio_latency {

struct HttpResponse {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};

// Answers GET (and HEAD) of one path. Called from the server's threads, several at once.
struct HttpRoute {
  std::string path;
  std::function<HttpResponse()> handler;
};

// Serves until it is destroyed.
class HttpServer {
 public:
  // `listen_address` as "0.0.0.0" or "127.0.0.1"; port 0 takes any free one. A port already taken
  // is an UNAVAILABLE error that names the port and says what to do. Other paths get 404, other
  // methods 405.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(const std::string& listen_address,
                                                           uint16_t port,
                                                           std::vector<HttpRoute> routes);
  virtual ~HttpServer() = default;

  // The port that is really listened on.
  virtual uint16_t port() const = 0;
};

}  // namespace audio_latency

#endif  // COMMON_HTTP_HTTP_SERVER_H_
