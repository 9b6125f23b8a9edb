#include "correlator/metrics/server_metrics.h"

#include <vector>

#include "common/metrics/metrics_text.h"

namespace audio_latency::correlator {

std::string ServerMetricsText(const GrpcServerStatistics& statistics) {
  std::vector<prometheus::MetricFamily> families;
  families.push_back(
      GaugeFamily("audio_latency_grpc_connections", "Connections to the gRPC port that are open."));
  AddSample({}, statistics.open_connections, &families.back());
  families.push_back(
      CounterFamily("audio_latency_refused_total",
                    "Connections and calls refused before any service saw them, by cause."));
  for (const auto& [cause, count] : statistics.refused) {
    AddSample({{"cause", cause}}, static_cast<double>(count), &families.back());
  }
  if (statistics.tls.has_value()) {
    families.push_back(GaugeFamily("audio_latency_certificate_expiry_timestamp_seconds",
                                   "When this program's certificate ends, in Unix time."));
    AddSample({}, static_cast<double>(statistics.tls->certificate_not_after_unix_s),
              &families.back());
    families.push_back(CounterFamily("audio_latency_certificate_reloads_total",
                                     "Attempts to load changed certificate files, by result."));
    AddSample({{"result", "loaded"}}, static_cast<double>(statistics.tls->reloads),
              &families.back());
    AddSample({{"result", "refused"}}, static_cast<double>(statistics.tls->reload_failures),
              &families.back());
  }
  return RenderMetrics(families);
}

}  // namespace audio_latency::correlator
