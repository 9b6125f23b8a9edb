#include "correlator/kubernetes/kubernetes.h"

#include <memory>
#include <utility>

#include "correlator/kubernetes/api_object.h"
#include "correlator/kubernetes/cluster_state.h"
#include "correlator/kubernetes/kubernetes_metrics.h"
#include "correlator/kubernetes/sync_board.h"
#include "fmt/format.h"

namespace audio_latency::correlator {
namespace {

class WatchedCluster final : public Kubernetes {
 public:
  WatchedCluster(const ClusterAccess& access, const KubernetesOptions& options,
                 const Clock& realtime, const Clock& monotonic, Logger* logger)
      : is_required_(options.is_required),
        monotonic_(monotonic),
        begin_ns_(monotonic.NowNs()),
        state_(realtime),
        board_(access.server, access.origin, monotonic, logger) {
    for (const ResourceFacts& facts : kResources) {
      reflectors_.push_back(
          std::make_unique<Reflector>(facts.resource, access, options.reflector, &state_, &board_));
    }
  }
  ~WatchedCluster() override {
    // All at once, so that none waits for another.
    for (const std::unique_ptr<Reflector>& reflector : reflectors_) {
      reflector->Stop();
    }
  }

  const EndpointDirectory& directory() const override { return state_; }

  Readiness readiness() const override {
    const std::string trouble = board_.trouble();
    if (board_.is_ready()) {
      return {.text = trouble.empty() ? "kubernetes: synced"
                                      : fmt::format("kubernetes: behind: {}", trouble)};
    }
    const bool is_patient = monotonic_.NowNs() - begin_ns_ < kReadyPatienceNs;
    return {.is_ready = !is_required_ || !is_patient,
            .text = fmt::format("kubernetes: not synced yet: {}",
                                trouble.empty() ? "listing" : trouble)};
  }

  std::vector<TableUse> Tables() const override { return state_.statistics().tables; }
  std::string MetricsText() const override { return KubernetesMetricsText(state_, board_); }

 private:
  const bool is_required_;
  const Clock& monotonic_;
  const int64_t begin_ns_;
  ClusterState state_;
  SyncBoard board_;
  std::vector<std::unique_ptr<Reflector>> reflectors_;
};

}  // namespace

std::unique_ptr<Kubernetes> Kubernetes::Start(const ClusterAccess& access,
                                              const KubernetesOptions& options,
                                              const Clock& realtime, const Clock& monotonic,
                                              Logger* logger) {
  return std::make_unique<WatchedCluster>(access, options, realtime, monotonic, logger);
}

}  // namespace audio_latency::correlator
