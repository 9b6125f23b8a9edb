// Where the cluster's API server is and what it asks for.

#ifndef CORRELATOR_KUBERNETES_CLUSTER_ACCESS_H_
#define CORRELATOR_KUBERNETES_CLUSTER_ACCESS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace audio_latency::correlator {

// A secret or a certificate: given, or in a file that may be replaced while the program runs and is
// read anew for each connection.
struct Material {
  std::string text;
  std::string file;

  bool empty() const { return text.empty() && file.empty(); }
  // The text without blanks at its ends. The error names the file and what is wrong with it.
  absl::StatusOr<std::string> Load() const;
};

struct ClusterAccess {
  // As it is shown: "https://10.96.0.1:443".
  std::string server = {};
  std::string host;
  uint16_t port = 443;
  // Before every path of the API, without a slash at its end.
  std::string path_prefix;
  // False of "http://", for a proxy on this machine.
  bool is_tls = true;
  // The name that the server's certificate must hold; "": the host.
  std::string server_name;
  bool skip_verification = false;
  // PEM; none: the system's authorities.
  Material authorities;
  Material token;
  // PEM; both or none.
  Material certificate;
  Material key;
  // What to look at when the server does not let us in.
  std::string origin;
};

// "https://host:port/prefix". INVALID_ARGUMENT says what is wrong.
absl::Status ReadServerUrl(const std::string& url, ClusterAccess* access);

// What a pod finds: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT in its environment, token
// and ca.crt in `service_account_folder`.
inline constexpr char kServiceAccountFolder[] = "/var/run/secrets/kubernetes.io/serviceaccount";
bool IsInCluster(const std::map<std::string, std::string>& environment);
absl::StatusOr<ClusterAccess> InClusterAccess(
    const std::map<std::string, std::string>& environment,
    const std::string& service_account_folder = kServiceAccountFolder);

// What kubeconfig files say of their current context. `paths` is one path or several with colons
// between, of which those that do not exist are left out unless none does; what stands in two of
// them is taken from the first. Errors name the file.
absl::StatusOr<ClusterAccess> KubeconfigAccess(const std::string& paths);

// What the options say.
struct ClusterChoice {
  // "auto": with a kubeconfig, or in a pod that has a token; "true"; "false".
  std::string mode = "auto";
  // Paths as KubeconfigAccess takes them; "": as a pod.
  std::string kubeconfig;
};

// Nothing where names are not to come from Kubernetes. A pod without a token is an error when mode
// is "true", and a warning when it is "auto".
absl::StatusOr<std::optional<ClusterAccess>> FindCluster(
    const ClusterChoice& choice, const std::map<std::string, std::string>& environment,
    std::vector<std::string>* warnings,
    const std::string& service_account_folder = kServiceAccountFolder);

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_KUBERNETES_CLUSTER_ACCESS_H_
