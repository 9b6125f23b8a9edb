// Which node a probe may report as.

#ifndef CORRELATOR_INGEST_PROBE_IDENTITY_H_
#define CORRELATOR_INGEST_PROBE_IDENTITY_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "common/tls/certificate.h"

namespace audio_latency::correlator {

// The URI that names a node in a certificate is this and the node's name.
inline constexpr const char* kNodeUriPrefix = "audio-latency://node/";

struct ProbeIdentity {
  // Of the certificate that the server accepted; nothing in plain text.
  std::optional<CertificateFacts> certificate;
  // Any certificate may report as any node.
  bool is_shared = false;
};

// PERMISSION_DENIED, naming both, unless a DNS name of the certificate is `node` (with its case,
// and there are no wildcards) or a URI of it is kNodeUriPrefix and `node`. Without a certificate
// every node is allowed.
absl::Status CheckMayReportAs(const ProbeIdentity& identity, const std::string& node);

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_INGEST_PROBE_IDENTITY_H_
