// Asks a Kubernetes API server as an administrator would: JSON over HTTPS.

#ifndef TESTS_KUBERNETES_API_SERVER_API_CLIENT_H_
#define TESTS_KUBERNETES_API_SERVER_API_CLIENT_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"
#include "tests/kubernetes/api_server/api_access.h"

namespace audio_latency::lab {

// Objects by their path: "/api/v1/namespaces/voice/pods/ingress-1". An answer other than 2xx is an
// error that tells what the server said: NOT_FOUND (404), UNAUTHENTICATED (401), PERMISSION_DENIED
// (403), ALREADY_EXISTS (409), UNAVAILABLE (no answer), else INTERNAL. Not thread-safe.
class ApiClient {
 public:
  // From then on the process ignores SIGPIPE.
  static absl::StatusOr<std::unique_ptr<ApiClient>> Create(const ApiAccess& access);
  virtual ~ApiClient() = default;

  // Any answer as it is, for what is no object: "/metrics", "/readyz".
  virtual absl::StatusOr<std::string> GetText(const std::string& path) = 0;
  virtual absl::StatusOr<nlohmann::json> Get(const std::string& path) = 0;
  // `path` is the list's: "/api/v1/namespaces/voice/pods". Gives the object as the server made it.
  virtual absl::StatusOr<nlohmann::json> Create(const std::string& path,
                                                const nlohmann::json& object) = 0;
  // A merge patch (RFC 7386).
  virtual absl::StatusOr<nlohmann::json> Patch(const std::string& path,
                                               const nlohmann::json& patch) = 0;
  // At once, without a time of grace.
  virtual absl::Status Delete(const std::string& path) = 0;
};

}  // namespace audio_latency::lab

#endif  // TESTS_KUBERNETES_API_SERVER_API_CLIENT_H_
