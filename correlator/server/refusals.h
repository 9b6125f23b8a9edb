// What the server refused before any service saw it, by cause.

#ifndef CORRELATOR_SERVER_REFUSALS_H_
#define CORRELATOR_SERVER_REFUSALS_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "common/tls/certificate.h"

namespace audio_latency::correlator {

// Causes of refusal. X(constant, name)
#define SERVER_REFUSALS(X)                               \
  X(kConnectionLimit, "connection_limit")                \
  X(kAddressConnectionLimit, "address_connection_limit") \
  X(kAcceptFailed, "accept_failed")                      \
  X(kNoGreeting, "no_greeting")                          \
  X(kNotTls, "not_tls")                                  \
  X(kUnexpectedTls, "unexpected_tls")                    \
  X(kNotHttp2, "not_http2")                              \
  X(kHandshakeFailed, "tls_handshake_failed")            \
  X(kNoCertificate, "no_certificate")                    \
  X(kNoToken, "no_token")                                \
  X(kWrongToken, "wrong_token")                          \
  CERTIFICATE_FAULTS(X)

enum class ServerRefusal : uint8_t {
#define SERVER_REFUSAL_ENUM(constant, name) constant,
  SERVER_REFUSALS(SERVER_REFUSAL_ENUM)
#undef SERVER_REFUSAL_ENUM
      kCount
};

// `fault` must not be kNone.
constexpr ServerRefusal RefusalFor(CertificateFault fault) {
  return static_cast<ServerRefusal>(static_cast<size_t>(ServerRefusal::kMalformed) +
                                    static_cast<size_t>(fault));
}

// Thread-safe.
class RefusalCounters {
 public:
  void Count(ServerRefusal cause) {
    counts_[static_cast<size_t>(cause)].fetch_add(1, std::memory_order_relaxed);
  }
  uint64_t Of(ServerRefusal cause) const {
    return counts_[static_cast<size_t>(cause)].load(std::memory_order_relaxed);
  }
  // Every cause, in the order above, since the start.
  std::vector<std::pair<std::string, uint64_t>> All() const;

 private:
  std::array<std::atomic<uint64_t>, static_cast<size_t>(ServerRefusal::kCount)> counts_ = {};
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_SERVER_REFUSALS_H_
