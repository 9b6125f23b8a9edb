// Prometheus pages made from snapshots: families are built anew for each scrape, so that nothing is
// looked up by label while events flow.

#ifndef COMMON_METRICS_METRICS_TEXT_H_
#define COMMON_METRICS_METRICS_TEXT_H_

#include <prometheus/metric_family.h>

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace audio_latency {

using MetricLabels = std::vector<prometheus::ClientMetric::Label>;

// What /metrics answers with.
inline constexpr std::string_view kMetricsContentType = "text/plain; version=0.0.4; charset=utf-8";

// A family without samples. `name` of a counter ends in _total; `help` is one sentence.
prometheus::MetricFamily CounterFamily(std::string name, std::string help);
prometheus::MetricFamily GaugeFamily(std::string name, std::string help);
prometheus::MetricFamily HistogramFamily(std::string name, std::string help);

// One sample of a family that CounterFamily, GaugeFamily made.
void AddSample(MetricLabels labels, double value, prometheus::MetricFamily* family);

// One histogram of a family that HistogramFamily made. `counts` are those of the buckets between
// the bounds, not summed up, then the overflow's: one more than `upper_bounds`.
void AddHistogram(MetricLabels labels, std::span<const double> upper_bounds,
                  std::span<const double> counts, double sum, prometheus::MetricFamily* family);

// The page, in the text format 0.0.4. Families without samples are left out.
std::string RenderMetrics(const std::vector<prometheus::MetricFamily>& families);

}  // namespace audio_latency

#endif  // COMMON_METRICS_METRICS_TEXT_H_
