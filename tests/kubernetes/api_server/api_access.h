// Where an API server is and as whom it is asked; kubeconfig files.

#ifndef TESTS_KUBERNETES_API_SERVER_API_ACCESS_H_
#define TESTS_KUBERNETES_API_SERVER_API_ACCESS_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace audio_latency::lab {

struct ApiAccess {
  std::string host;
  uint16_t port = 0;
  // File with the certificates of the authority that vouches for the server.
  std::string ca_path;
  // One of the two: a bearer token, or a client certificate with its key in files.
  std::string token;
  std::string certificate_path;
  std::string key_path;

  std::string url() const;
};

// The access of a kubeconfig's current context. Files and data that stand in it are understood;
// plugins that make credentials are not. Data is written to files in `folder`.
absl::StatusOr<ApiAccess> ReadKubeconfig(const std::string& path, const std::string& folder);
// The same the other way, for kubectl, helm and the correlator; only its owner may read the file.
absl::Status WriteKubeconfig(const ApiAccess& access, const std::string& path);

}  // namespace audio_latency::lab

#endif  // TESTS_KUBERNETES_API_SERVER_API_ACCESS_H_
