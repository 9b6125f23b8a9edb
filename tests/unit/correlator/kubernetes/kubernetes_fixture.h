// The product's client before a fake API server.

#ifndef TESTS_UNIT_CORRELATOR_KUBERNETES_KUBERNETES_FIXTURE_H_
#define TESTS_UNIT_CORRELATOR_KUBERNETES_KUBERNETES_FIXTURE_H_

#include <netinet/in.h>

#include <chrono>
#include <memory>
#include <string>

#include "common/time/clock.h"
#include "correlator/kubernetes/kubernetes.h"
#include "tests/support/eventually.h"
#include "tests/support/recording_logger.h"
#include "tests/unit/correlator/kubernetes/cluster_objects.h"
#include "tests/unit/correlator/kubernetes/fake_api_server.h"

namespace audio_latency::correlator::testing {

struct KubernetesFixture {
  static KubernetesOptions QuickOptions() {
    KubernetesOptions options;
    options.reflector.first_backoff = std::chrono::milliseconds(5);
    options.reflector.most_backoff = std::chrono::milliseconds(50);
    return options;
  }

  void Start(const ClusterAccess& access, const KubernetesOptions& options = QuickOptions()) {
    kubernetes = Kubernetes::Start(access, options, realtime, monotonic, &logger);
  }
  void Start() { Start(server.Access()); }
  // Lists are there, and watches run.
  bool IsSynced() {
    return audio_latency::testing::Eventually([&] {
      return logger.Has("kubernetes_synced") &&
             server.open_watches() == static_cast<int>(kResources.size());
    });
  }
  Endpoint At(const std::string& address, uint16_t port = 0) const {
    return kubernetes->directory()
        .Resolve({.address = *IpAddress::Parse(address),
                  .port = port,
                  .transport = IPPROTO_TCP,
                  .unix_time_ns = realtime.NowNs(),
                  .container = {},
                  .observing_node = {}})
        .endpoint;
  }
  bool BecomesPod(const std::string& address, const std::string& pod) const {
    return audio_latency::testing::Eventually([&] { return At(address).pod == pod; });
  }
  bool IsOnPage(const std::string& line) const {
    return audio_latency::testing::Eventually(
        [&] { return kubernetes->MetricsText().find(line + "\n") != std::string::npos; });
  }

  RealtimeClock realtime;
  MonotonicClock monotonic;
  audio_latency::testing::RecordingLogger logger;
  FakeApiServer server;
  std::unique_ptr<Kubernetes> kubernetes;
};

}  // namespace audio_latency::correlator::testing

#endif  // TESTS_UNIT_CORRELATOR_KUBERNETES_KUBERNETES_FIXTURE_H_
