// The part of /metrics that tells how well the cluster is known.

#ifndef CORRELATOR_KUBERNETES_KUBERNETES_METRICS_H_
#define CORRELATOR_KUBERNETES_KUBERNETES_METRICS_H_

#include <string>

#include "correlator/kubernetes/cluster_state.h"
#include "correlator/kubernetes/sync_board.h"

namespace audio_latency::correlator {

// In Prometheus' text format.
std::string KubernetesMetricsText(const ClusterState& state, const SyncBoard& board);

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_KUBERNETES_KUBERNETES_METRICS_H_
