// X.509 certificates (RFC 5280) as PEM: what they say, and whether an authority vouches for them.

#ifndef COMMON_TLS_CERTIFICATE_H_
#define COMMON_TLS_CERTIFICATE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace audio_latency {

struct CertificateFacts {
  // "CN = node-a", printable ASCII only.
  std::string subject;
  // Of the subject's alternative names: DNS names and URIs, those with control characters left out.
  std::vector<std::string> dns_names;
  std::vector<std::string> uris;
  // Seconds of Unix time.
  int64_t not_before_unix_s = 0;
  int64_t not_after_unix_s = 0;
};

// Of the first certificate in `pem`. INVALID_ARGUMENT when there is none, or when one is damaged.
absl::StatusOr<CertificateFacts> ReadCertificate(std::string_view pem);

// Whether TLS can be spoken with them. INVALID_ARGUMENT tells what is wrong: no certificate or a
// damaged one, no private key, one that is encrypted or belongs to another certificate, or one that
// OpenSSL's security level or gRPC refuses (gRPC 1.51 tells nobody when it does).
absl::Status CheckKeyPair(std::string_view certificate_pem, std::string_view key_pem);

// Why a certificate is not accepted; kCount of them. X(constant, name)
#define CERTIFICATE_FAULTS(X)                   \
  X(kMalformed, "malformed_certificate")        \
  X(kUnknownAuthority, "unknown_authority")     \
  X(kExpired, "certificate_expired")            \
  X(kNotYetValid, "certificate_not_yet_valid")  \
  X(kWrongPurpose, "certificate_wrong_purpose") \
  X(kOtherFault, "certificate_refused")

enum class CertificateFault : uint8_t {
#define CERTIFICATE_FAULT_ENUM(constant, name) constant,
  CERTIFICATE_FAULTS(CERTIFICATE_FAULT_ENUM)
#undef CERTIFICATE_FAULT_ENUM
      kNone
};

struct CertificateVerdict {
  CertificateFault fault = CertificateFault::kNone;
  // One line about the certificate for who presented it; empty when it is good.
  std::string message;
};

// The certification authorities of one cluster. Thread-safe.
class Authorities {
 public:
  // `pem`: one certificate or more. INVALID_ARGUMENT when there is none, or one is damaged.
  static absl::StatusOr<std::shared_ptr<const Authorities>> Parse(std::string_view pem);
  virtual ~Authorities() = default;

  // Whether a client may be taken for the one that `pem` names: the first certificate leads, by the
  // others or `chain_pem`, to an authority, is valid at `now_unix_s`, and is no server's only. That
  // the client has the private key was TLS's to find out.
  virtual CertificateVerdict VerifyClient(std::string_view pem, std::string_view chain_pem,
                                          int64_t now_unix_s) const = 0;
};

}  // namespace audio_latency

#endif  // COMMON_TLS_CERTIFICATE_H_
