// TLS as the API server's client.

#ifndef CORRELATOR_KUBERNETES_TLS_CLIENT_H_
#define CORRELATOR_KUBERNETES_TLS_CLIENT_H_

#include <openssl/types.h>

#include <string>

#include "absl/status/status.h"
#include "correlator/kubernetes/cluster_access.h"

namespace audio_latency::correlator {

// Makes `context` trust what `access` says and nothing else, check the server's name, and show our
// certificate. What is wrong with a server's certificate is written to `*refusal`, which must
// outlive the context. The error names the file or the field that cannot be used.
absl::Status SetUpTls(const ClusterAccess& access, SSL_CTX* context, std::string* refusal);

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_KUBERNETES_TLS_CLIENT_H_
