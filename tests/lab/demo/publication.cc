#include "tests/lab/demo/publication.h"

#include <fmt/format.h>

#include <utility>

#include "common/status/status_macros.h"

namespace audio_latency::lab {

absl::StatusOr<Publication> Publication::Start(const Lab& lab, Scenario* scenario) {
  Publication publication;
  const NetworkNamespace& outside = lab.outside_network();
  const std::string& correlator = scenario->deployment().correlator_machine().address;
  ASSIGN_OR_RETURN(publication.grpc_,
                   PortForwarder::PublishPort(outside, kCorrelatorGrpcPort,
                                              {nullptr, correlator, kCorrelatorGrpcPort}));
  ASSIGN_OR_RETURN(
      publication.metrics_,
      PortForwarder::PublishPort(outside, kMetricsPort, {nullptr, correlator, kMetricsPort}));
  uint16_t wanted_port = kMetricsPort;
  for (const auto& node : scenario->cluster().nodes()) {
    ASSIGN_OR_RETURN(std::unique_ptr<PortForwarder> probe,
                     PortForwarder::PublishPort(outside, ++wanted_port,
                                                {nullptr, node->machine.address, kMetricsPort}));
    publication.probes_.push_back(std::move(probe));
  }
  return publication;
}

std::vector<std::string> Publication::Commands(const std::string& program_folder) const {
  const std::string ask =
      fmt::format("{}/audio-latency --server 127.0.0.1:{}", program_folder, grpc_->port());
  std::string targets = fmt::format("\"127.0.0.1:{}\"", metrics_->port());
  for (const auto& probe : probes_) {
    targets += fmt::format(", \"127.0.0.1:{}\"", probe->port());
  }
  return {fmt::format("{} paths", ask),
          fmt::format("{} hops", ask),
          fmt::format("{} trace", ask),
          fmt::format("curl -s http://127.0.0.1:{}/metrics | grep audio_latency_seconds",
                      metrics_->port()),
          "for Prometheus:",
          "  scrape_configs:",
          "    - job_name: audio-latency",
          "      scrape_interval: 5s",
          fmt::format("      static_configs: [{{targets: [{}]}}]", targets)};
}

}  // namespace audio_latency::lab
