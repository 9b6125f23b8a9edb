#include "tests/lab/demo/figures.h"

#include <fmt/format.h>

#include <cmath>

namespace audio_latency::lab {
namespace {

std::string Row(const std::string& name, double count,
                const audio_latency::v1::DelayDistribution& delay, double error_bound_seconds) {
  return fmt::format("{:<44} {:>8.0f} {:>11} {:>11} {:>11} {:>9}", name, count,
                     DelayText(delay.p50_seconds()), DelayText(delay.p95_seconds()),
                     DelayText(delay.p99_seconds()), DelayText(error_bound_seconds));
}

}  // namespace

std::string DelayText(double seconds) {
  const double size = std::abs(seconds);
  if (size < 1e-3) {
    return fmt::format("{:.0f} us", seconds * 1e6);
  }
  return size < 1 ? fmt::format("{:.2f} ms", seconds * 1e3) : fmt::format("{:.3f} s", seconds);
}

std::string EndpointName(const audio_latency::v1::Endpoint& endpoint) {
  if (!endpoint.pod().empty()) {
    return endpoint.pod();
  }
  return endpoint.workload().empty() ? endpoint.address() : endpoint.workload();
}

std::string HopName(const audio_latency::v1::Hop& hop) {
  return hop.kind() == audio_latency::v1::Hop::PROCESSING
             ? fmt::format("inside {}", EndpointName(hop.source()))
             : fmt::format("network {} to {}", EndpointName(hop.source()),
                           EndpointName(hop.destination()));
}

std::vector<std::string> PathTable(
    const google::protobuf::RepeatedPtrField<audio_latency::v1::Path>& paths) {
  std::vector<std::string> lines = {fmt::format("{:<44} {:>8} {:>11} {:>11} {:>11} {:>9}",
                                                "one-way delay", "count", "p50", "p95", "p99",
                                                "+/-")};
  for (const audio_latency::v1::Path& path : paths) {
    lines.push_back(
        Row(path.path(), path.count(), path.one_way_delay(), path.error_bound_seconds()));
    for (const audio_latency::v1::Hop& hop : path.hops()) {
      lines.push_back(
          Row("  " + HopName(hop), hop.count(), hop.one_way_delay(), hop.error_bound_seconds()));
    }
  }
  return lines;
}

}  // namespace audio_latency::lab
