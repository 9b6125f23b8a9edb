// One probe without a correlator, and what it tells of itself.

#ifndef TESTS_E2E_LONE_PROBE_H_
#define TESTS_E2E_LONE_PROBE_H_

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tests/lab/network_namespace.h"
#include "tests/lab/process.h"

namespace audio_latency::lab {

// The real program; ends when it is destroyed.
class LoneProbe {
 public:
  // Returns when it captures. `environment`: its options, METRICS_PORT for a second one beside it;
  // `log_path`: where its lines go. `network`
  // must outlive the probe. `wrapper`: a program that becomes the probe (setpriv …), and its
  // arguments.
  static absl::StatusOr<std::unique_ptr<LoneProbe>> Start(
      const NetworkNamespace& network, std::map<std::string, std::string> environment,
      const std::string& log_path, std::vector<std::string> wrapper = {});

  pid_t pid() const { return process_.pid(); }
  // Until it has ended, for at most 10 seconds; its exit status.
  std::optional<int> Wait() { return process_.Wait(10'000); }

  // A number of its /metrics page, such as `audio_latency_probe_flows` or
  // `audio_latency_probe_dropped_total{cause="ring_full"}`. NOT_FOUND when the page lacks it.
  absl::StatusOr<double> Metric(const std::string& sample) const;

  // Room of its BPF map of a type (BPF_MAP_TYPE_*), as the kernel has it; 0: it has no such map.
  uint32_t MapRoom(uint32_t map_type) const;

 private:
  LoneProbe(const NetworkNamespace& network, Process process, std::string metrics_port)
      : network_(network), process_(std::move(process)), metrics_port_(std::move(metrics_port)) {}

  const NetworkNamespace& network_;
  Process process_;
  const std::string metrics_port_;
};

}  // namespace audio_latency::lab

#endif  // TESTS_E2E_LONE_PROBE_H_
