#include "correlator/kubernetes/kubernetes_metrics.h"

#include <vector>

#include "common/metrics/metrics_text.h"

namespace audio_latency::correlator {

std::string KubernetesMetricsText(const ClusterState& state, const SyncBoard& board) {
  const ClusterState::Statistics known = state.statistics();
  prometheus::MetricFamily synced =
      GaugeFamily("audio_latency_kubernetes_synced",
                  "1 while all objects of the kind are known and changes come, else 0.");
  prometheus::MetricFamily objects = GaugeFamily("audio_latency_kubernetes_objects",
                                                 "Objects of the API server that are known now.");
  prometheus::MetricFamily silence =
      GaugeFamily("audio_latency_kubernetes_last_event_age_seconds",
                  "How long the API server has said nothing of the kind; it does each minute.");
  prometheus::MetricFamily lists = CounterFamily("audio_latency_kubernetes_lists_total",
                                                 "How often all objects of the kind were listed.");
  prometheus::MetricFamily watches = CounterFamily("audio_latency_kubernetes_watches_total",
                                                   "How often a watch of the kind was begun.");
  prometheus::MetricFamily errors =
      CounterFamily("audio_latency_kubernetes_errors_total",
                    "Questions to the API server that failed, by cause.");
  prometheus::MetricFamily left_out =
      CounterFamily("audio_latency_kubernetes_objects_left_out_total",
                    "Objects that could not be read, or were too large.");
  for (const ResourceFacts& facts : kResources) {
    const std::string resource(facts.plural);
    const SyncStatistics statistics = board.statistics(facts.resource);
    AddSample({{"resource", resource}}, statistics.is_synced ? 1 : 0, &synced);
    AddSample({{"resource", resource}},
              static_cast<double>(known.objects[static_cast<size_t>(facts.resource)]), &objects);
    if (statistics.silence_ns.has_value()) {
      AddSample({{"resource", resource}}, static_cast<double>(*statistics.silence_ns) * 1e-9,
                &silence);
    }
    AddSample({{"resource", resource}}, static_cast<double>(statistics.lists), &lists);
    AddSample({{"resource", resource}}, static_cast<double>(statistics.watches), &watches);
    for (size_t i = 0; i < kApiErrors.size(); ++i) {
      AddSample({{"resource", resource}, {"cause", std::string(kApiErrors[i].name)}},
                static_cast<double>(statistics.errors[i]), &errors);
    }
    AddSample({{"resource", resource}, {"reason", "malformed"}},
              static_cast<double>(statistics.malformed), &left_out);
    AddSample({{"resource", resource}, {"reason", "too_large"}},
              static_cast<double>(statistics.oversized), &left_out);
  }
  prometheus::MetricFamily bytes =
      GaugeFamily("audio_latency_kubernetes_cache_bytes",
                  "Memory that is allocated for what is known of the cluster.");
  AddSample({}, static_cast<double>(known.bytes), &bytes);
  return RenderMetrics({synced, objects, silence, lists, watches, errors, left_out, bytes});
}

}  // namespace audio_latency::correlator
