// Questions to a Kubernetes API server, over HTTP/1.1 and TLS.

#ifndef CORRELATOR_KUBERNETES_API_CLIENT_H_
#define CORRELATOR_KUBERNETES_API_CLIENT_H_

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "common/process/file_descriptor.h"
#include "correlator/kubernetes/api_error.h"
#include "correlator/kubernetes/cluster_access.h"

namespace audio_latency::correlator {

struct ApiRequest {
  // With its query, escaped: "/api/v1/pods?limit=500".
  std::string path;
  std::string accept = "application/json";
  // How long nothing may come, and how long all may take.
  std::chrono::milliseconds silence{15'000};
  std::chrono::milliseconds total{60'000};
  // Called when an answer 200 begins, whatever it will hold; may be empty.
  std::function<void()> on_begin = {};
};

struct ApiOutcome {
  ApiError error = ApiError::kNone;
  // Of an error, one line.
  std::string message = {};
  // 0: there was no answer.
  int status = 0;
  // What the server asks for (Retry-After).
  std::optional<std::chrono::seconds> retry_after = std::nullopt;

  bool ok() const { return error == ApiError::kNone; }
};

// One connection at a time, kept between questions. Token, certificates and authorities are read
// anew for each connection, the token for each question. Not thread-safe but for Stop.
class ApiClient {
 public:
  explicit ApiClient(ClusterAccess access);
  ~ApiClient();
  ApiClient(const ApiClient&) = delete;
  ApiClient& operator=(const ApiClient&) = delete;

  // Hands the body of an answer 200 on in pieces, as they come; `take` returns false to end it,
  // which is ok. An answer that breaks off is kInterrupted.
  ApiOutcome Get(const ApiRequest& request, const std::function<bool(std::string_view)>& take);
  // The next question makes a new connection.
  void Disconnect();
  // From any thread: ends Get now, and every one after. Looking up a host by name is the one thing
  // that it cannot end.
  void Stop();

 private:
  struct Connection;

  ApiOutcome Connect();
  void Watch(int socket);

  const ClusterAccess access_;
  std::unique_ptr<Connection> connection_;
  std::mutex mutex_;
  bool is_stopped_ = false;
  // A second descriptor of the connection's socket: it cannot come to mean another file between
  // a look and shutdown(2).
  FileDescriptor socket_;
};

// `text` as part of a URL's query (RFC 3986).
std::string EscapeQuery(std::string_view text);

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_KUBERNETES_API_CLIENT_H_
