// How the node's kubelet is reached.

#ifndef PROBE_CONTAINERS_KUBELET_OPTIONS_H_
#define PROBE_CONTAINERS_KUBELET_OPTIONS_H_

#include <string>

namespace audio_latency::probe {

struct KubeletOptions {
  // host:port; empty: the kubelet is not asked.
  std::string address;
  // A service account's token, which is read anew for each question, since it is renewed.
  std::string token_file = "/var/run/secrets/kubernetes.io/serviceaccount/token";
  // Authorities for the kubelet's certificate.
  std::string ca_file = "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt";
  // Takes any certificate: kubelets often have one that they signed themselves.
  bool is_insecure = false;
};

}  // namespace audio_latency::probe

#endif  // PROBE_CONTAINERS_KUBELET_OPTIONS_H_
