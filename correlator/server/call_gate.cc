#include "correlator/server/call_gate.h"

#include <strings.h>

#include <string>

#include "common/names/node_name.h"
#include "common/status/status_macros.h"
#include "nlohmann/json.hpp"

namespace audio_latency::correlator {
namespace {

constexpr std::string_view kProbeService = "/audio_latency.v1.ProbeService/";
constexpr int64_t kNsPerSecond = 1'000'000'000;

}  // namespace

absl::Status CallGate::Refuse(ServerRefusal cause, const Caller& caller,
                              std::string_view why) const {
  constexpr size_t kMaxPathBytes = 128;
  refusals_.Count(cause);
  logger_.Log(LogLevel::kWarn, "call_refused", why,
              {{"path", IsPlainText(caller.path, kMaxPathBytes) ? std::string(caller.path)
                                                                : "(cannot be shown)"}});
  return absl::UnauthenticatedError({why.data(), why.size()});
}

absl::Status CallGate::JudgeCertificate(const Caller& caller) const {
  const std::shared_ptr<const TlsMaterial> material = tls_->Current();
  const CertificateVerdict verdict = material->authorities->VerifyClient(
      caller.certificate_pem, caller.chain_pem, realtime_.NowNs() / kNsPerSecond);
  return verdict.fault == CertificateFault::kNone
             ? absl::OkStatus()
             : Refuse(RefusalFor(verdict.fault), caller, verdict.message);
}

absl::Status CallGate::JudgeToken(const Caller& caller) const {
  constexpr std::string_view kScheme = "Bearer ";
  const std::string_view given = caller.authorization;
  if (given.empty()) {
    return Refuse(ServerRefusal::kNoToken, caller,
                  "a token is needed: send one of the correlator's TOKEN_FILE in the header "
                  "authorization: Bearer …, or by --token-file");
  }
  if (given.size() <= kScheme.size() ||
      strncasecmp(given.data(), kScheme.data(), kScheme.size()) != 0 ||
      !tokens_->Contains(given.substr(kScheme.size()))) {
    return Refuse(ServerRefusal::kWrongToken, caller,
                  "the token is none of the correlator's TOKEN_FILE; ask for a new one");
  }
  return absl::OkStatus();
}

absl::Status CallGate::Judge(const Caller& caller) const {
  const bool is_probe = caller.path.starts_with(kProbeService);
  const bool wants_token = tokens_ != nullptr && !is_probe;
  if (tls_ != nullptr) {
    if (!caller.certificate_pem.empty()) {
      RETURN_IF_ERROR(JudgeCertificate(caller));
    } else if (!wants_token) {
      return Refuse(ServerRefusal::kNoCertificate, caller,
                    is_probe ? "a probe needs a certificate: set TLS_CERT_FILE and TLS_KEY_FILE"
                             : "a certificate is needed: name it with --cert and --key");
    }
  }
  return wants_token ? JudgeToken(caller) : absl::OkStatus();
}

}  // namespace audio_latency::correlator
