// The correlator's view of its cluster: who is at an address, kept up with the API server.

#ifndef CORRELATOR_KUBERNETES_KUBERNETES_H_
#define CORRELATOR_KUBERNETES_KUBERNETES_H_

#include <memory>
#include <string>
#include <vector>

#include "common/logging/logger.h"
#include "common/time/clock.h"
#include "correlator/endpoints/endpoint_directory.h"
#include "correlator/kubernetes/cluster_access.h"
#include "correlator/kubernetes/reflector.h"
#include "correlator/load/table_use.h"

namespace audio_latency::correlator {

struct KubernetesOptions {
  // Whether not to be ready while no pods are known yet, but not for longer than kReadyPatience.
  bool is_required = false;
  ReflectorOptions reflector = {};
};

// Thread-safe.
class Kubernetes {
 public:
  // Probes keep what they cannot deliver for longer than this; to stay unready through an outage of
  // the API server would lose events, where being ready only shows addresses for names.
  static constexpr int64_t kReadyPatienceNs = 60'000'000'000;

  // Begins to list and watch; never fails, for what cannot be had is tried again. All must outlive
  // it.
  static std::unique_ptr<Kubernetes> Start(const ClusterAccess& access,
                                           const KubernetesOptions& options, const Clock& realtime,
                                           const Clock& monotonic, Logger* logger);
  // Ends within a second.
  virtual ~Kubernetes() = default;

  virtual const EndpointDirectory& directory() const = 0;
  struct Readiness {
    bool is_ready = true;
    // One line.
    std::string text;
  };
  virtual Readiness readiness() const = 0;
  virtual std::vector<TableUse> Tables() const = 0;
  // In Prometheus' text format.
  virtual std::string MetricsText() const = 0;
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_KUBERNETES_KUBERNETES_H_
