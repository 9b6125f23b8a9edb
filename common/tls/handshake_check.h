// Why a TLS connection does not come about, in words.

#ifndef COMMON_TLS_HANDSHAKE_CHECK_H_
#define COMMON_TLS_HANDSHAKE_CHECK_H_

#include <chrono>
#include <string>

#include "absl/status/status.h"
#include "common/tls/tls_files.h"

namespace audio_latency {

// Tries a TLS handshake with `server`, HOST:PORT (ParseHostPort), as a client that trusts
// `material`'s authorities and expects `expected_name` (empty: the host) in the certificate. OK
// when it succeeds. UNAVAILABLE: nobody answers. UNAUTHENTICATED: who answers speaks no TLS, or its
// certificate is not accepted; one line says which, why, and what to do. Takes up to `patience` for
// each of connecting, sending, receiving.
//
// gRPC says just "certificate verify failed": call this when it could not connect.
absl::Status CheckHandshake(const std::string& server, const std::string& expected_name,
                            const TlsMaterial& material, std::chrono::milliseconds patience);

}  // namespace audio_latency

#endif  // COMMON_TLS_HANDSHAKE_CHECK_H_
