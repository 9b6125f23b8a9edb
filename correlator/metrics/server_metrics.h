// The gRPC server's part of /metrics: connections, refusals, certificate.

#ifndef CORRELATOR_METRICS_SERVER_METRICS_H_
#define CORRELATOR_METRICS_SERVER_METRICS_H_

#include <string>

#include "correlator/server/grpc_server.h"

namespace audio_latency::correlator {

// In Prometheus' text format, to stand behind CorrelatorMetrics::Text.
std::string ServerMetricsText(const GrpcServerStatistics& statistics);

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_METRICS_SERVER_METRICS_H_
