// Who may call what: judged once a call, before any service sees it.

#ifndef CORRELATOR_SERVER_CALL_GATE_H_
#define CORRELATOR_SERVER_CALL_GATE_H_

#include <string_view>

#include "absl/status/status.h"
#include "common/logging/limited_logger.h"
#include "common/time/clock.h"
#include "common/tls/tls_store.h"
#include "correlator/server/refusals.h"
#include "correlator/server/token_file.h"

namespace audio_latency::correlator {

// What is known of a call; "": not there.
struct Caller {
  // "/audio_latency.v1.LatencyService/ListPaths"
  std::string_view path;
  // The certificate that the caller showed TLS, and those that came with it, in PEM.
  std::string_view certificate_pem;
  std::string_view chain_pem;
  // The header of that name.
  std::string_view authorization;
};

// Over TLS a certificate that is shown must be good, for any call. Probes need one. All other calls
// need a token where there are tokens, else a certificate. In plain text certificates do not exist.
// Thread-safe.
class CallGate {
 public:
  // `tls` is nullptr for plain text, `tokens` where there are none. All must outlive the gate.
  CallGate(const TlsStore* tls, const TokenFile* tokens, const Clock* realtime,
           RefusalCounters* refusals, LimitedLogger* logger)
      : tls_(tls), tokens_(tokens), realtime_(*realtime), refusals_(*refusals), logger_(*logger) {}

  // UNAUTHENTICATED tells the caller what it lacks; it is counted and logged.
  absl::Status Judge(const Caller& caller) const;

 private:
  absl::Status JudgeCertificate(const Caller& caller) const;
  absl::Status JudgeToken(const Caller& caller) const;
  absl::Status Refuse(ServerRefusal cause, const Caller& caller, std::string_view why) const;

  const TlsStore* const tls_;
  const TokenFile* const tokens_;
  const Clock& realtime_;
  RefusalCounters& refusals_;
  LimitedLogger& logger_;
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_SERVER_CALL_GATE_H_
