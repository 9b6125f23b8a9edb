#include "common/metrics/metrics_text.h"

#include <prometheus/text_serializer.h>

#include <cassert>
#include <cmath>
#include <limits>
#include <sstream>
#include <utility>

namespace audio_latency {
namespace {

prometheus::MetricFamily Family(std::string name, std::string help, prometheus::MetricType type) {
  prometheus::MetricFamily family;
  family.name = std::move(name);
  family.help = std::move(help);
  family.type = type;
  return family;
}

uint64_t Whole(double count) { return count > 0 ? static_cast<uint64_t>(std::llround(count)) : 0; }

}  // namespace

prometheus::MetricFamily CounterFamily(std::string name, std::string help) {
  return Family(std::move(name), std::move(help), prometheus::MetricType::Counter);
}

prometheus::MetricFamily GaugeFamily(std::string name, std::string help) {
  return Family(std::move(name), std::move(help), prometheus::MetricType::Gauge);
}

prometheus::MetricFamily HistogramFamily(std::string name, std::string help) {
  return Family(std::move(name), std::move(help), prometheus::MetricType::Histogram);
}

void AddSample(MetricLabels labels, double value, prometheus::MetricFamily* family) {
  assert(family->type != prometheus::MetricType::Histogram);
  prometheus::ClientMetric& metric = family->metric.emplace_back();
  metric.label = std::move(labels);
  metric.counter.value = value;
  metric.gauge.value = value;
}

void AddHistogram(MetricLabels labels, std::span<const double> upper_bounds,
                  std::span<const double> counts, double sum, prometheus::MetricFamily* family) {
  assert(family->type == prometheus::MetricType::Histogram);
  assert(counts.size() == upper_bounds.size() + 1);
  prometheus::ClientMetric& metric = family->metric.emplace_back();
  metric.label = std::move(labels);
  metric.histogram.bucket.reserve(counts.size());
  uint64_t cumulative = 0;
  for (size_t i = 0; i < counts.size(); ++i) {
    cumulative += Whole(counts[i]);
    const double bound =
        i < upper_bounds.size() ? upper_bounds[i] : std::numeric_limits<double>::infinity();
    metric.histogram.bucket.push_back({.cumulative_count = cumulative, .upper_bound = bound});
  }
  metric.histogram.sample_count = cumulative;
  metric.histogram.sample_sum = sum;
}

std::string RenderMetrics(const std::vector<prometheus::MetricFamily>& families) {
  std::vector<prometheus::MetricFamily> filled;
  filled.reserve(families.size());
  for (const prometheus::MetricFamily& family : families) {
    if (!family.metric.empty()) {
      filled.push_back(family);
    }
  }
  std::ostringstream page;
  prometheus::TextSerializer().Serialize(page, filled);
  return page.str();
}

}  // namespace audio_latency
