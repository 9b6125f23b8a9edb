// The correlator's options.

#ifndef CORRELATOR_CONFIG_CORRELATOR_CONFIG_H_
#define CORRELATOR_CONFIG_CORRELATOR_CONFIG_H_

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "common/logging/logger.h"
#include "common/signature/signature_parameters.h"
#include "common/tls/tls_options.h"
#include "correlator/kubernetes/cluster_access.h"
#include "correlator/matching/matching_stage.h"
#include "correlator/paths/path_stage.h"
#include "correlator/server/listener.h"
#include "correlator/signature_log/signature_log.h"

namespace audio_latency::correlator {

struct CorrelatorConfig {
  std::string grpc_address = "0.0.0.0";
  uint16_t grpc_port = 9095;
  // Checked: all files, or none where plain text is allowed.
  TlsOptions tls;
  // Whether any good certificate may report as any node.
  bool one_certificate_for_all_probes = false;
  // "": the query API asks for no token.
  std::string token_file;
  ListenerLimits connections;
  std::string metrics_address = "0.0.0.0";
  uint16_t metrics_port = 9090;
  LogLevel log_level = LogLevel::kInfo;
  // "": no names.
  std::string endpoints_file;
  // Nothing: names do not come from Kubernetes.
  std::optional<ClusterAccess> cluster;
  // K8S_ENABLED is "true": names are waited for before the correlator is ready.
  bool is_cluster_required = false;
  SignatureParameters signature;
  // `threads` is never 0.
  MatchingStageOptions matching;
  uint32_t max_flows = 100'000;
  uint32_t max_flows_per_probe = 20'000;
  uint32_t max_probes = 1000;
  uint32_t max_events_per_second = 1'000'000;
  uint32_t max_series = static_cast<uint32_t>(PathStageOptions().max_series);
  // By pod or, so that there are fewer series, by workload.
  bool metrics_by_workload = false;
  SignatureLogOptions signature_log;
  // Of all probes together; beyond, all nodes sample. 0: as many as this machine can take.
  uint32_t sample_above_events_per_second = 0;

  // For the startup line: names and texts of all options, the secret left out.
  std::vector<std::pair<std::string, std::string>> effective;
  std::vector<std::string> warnings;
};

// Nothing when help or the version was asked for (and printed). MATCHER_THREADS = 0 means
// `cores`, but at most 4. The files of KUBECONFIG, and whether a pod has a token, are looked at.
absl::StatusOr<std::optional<CorrelatorConfig>> ParseCorrelatorConfig(
    std::span<const char* const> arguments, const std::map<std::string, std::string>& environment,
    uint32_t cores);

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_CONFIG_CORRELATOR_CONFIG_H_
