// Why the API server did not give what was asked for.

#ifndef CORRELATOR_KUBERNETES_API_ERROR_H_
#define CORRELATOR_KUBERNETES_API_ERROR_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace audio_latency::correlator {

// X(constant, name in metrics and logs, what to do)
#define KUBERNETES_API_ERRORS(X)                                                                   \
  X(kUnreachable, "unreachable", "check that it runs and that the network lets us through")        \
  X(kCertificate, "certificate",                                                                   \
    "check the cluster's authority (ca.crt, certificate-authority) and the server's name")         \
  X(kCredentials, "credentials", "check the files of token, certificates and key")                 \
  X(kUnauthorized, "unauthorized", "check that the token or certificate is valid and not expired") \
  X(kForbidden, "forbidden", "grant get, list and watch on it to this user (ClusterRole)")         \
  X(kNotFound, "not_found", "check the server's address; its API does not have this")              \
  X(kGone, "gone", "nothing: it is listed anew")                                                   \
  X(kThrottled, "throttled", "nothing, unless it lasts: the server is busy")                       \
  X(kServerError, "server_error", "look into the API server's log")                                \
  X(kTimeout, "timeout", "check the network and how busy the server is")                           \
  X(kInterrupted, "interrupted", "nothing, unless it lasts: check what lies between")              \
  X(kMalformed, "malformed", "check that this is a Kubernetes API server")

enum class ApiError : uint8_t {
#define KUBERNETES_API_ERROR_ENUM(constant, name, advice) constant,
  KUBERNETES_API_ERRORS(KUBERNETES_API_ERROR_ENUM)
#undef KUBERNETES_API_ERROR_ENUM
      kNone
};

struct ApiErrorFacts {
  std::string_view name;
  std::string_view advice;
};

inline constexpr std::array kApiErrors = {
#define KUBERNETES_API_ERROR_FACTS(constant, name, advice) ApiErrorFacts{name, advice},
    KUBERNETES_API_ERRORS(KUBERNETES_API_ERROR_FACTS)
#undef KUBERNETES_API_ERROR_FACTS
};

// Not of kNone.
inline constexpr const ApiErrorFacts& FactsOf(ApiError error) {
  return kApiErrors[static_cast<size_t>(error)];
}

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_KUBERNETES_API_ERROR_H_
