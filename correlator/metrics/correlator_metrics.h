// The correlator's /metrics page, made from snapshots of the stages at each scrape.

#ifndef CORRELATOR_METRICS_CORRELATOR_METRICS_H_
#define CORRELATOR_METRICS_CORRELATOR_METRICS_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/metrics/metrics_text.h"
#include "correlator/flows/flow_registry.h"
#include "correlator/ingest/node_reader.h"
#include "correlator/load/load_reader.h"
#include "correlator/load/table_use.h"
#include "correlator/matching/matching_reader.h"
#include "correlator/paths/path_reader.h"
#include "correlator/signature_log/signature_log.h"

namespace audio_latency::correlator {

// By what hops and pods are told apart. By workload there are fewer series: its pods are summed up.
enum class MetricLabelling { kPod, kWorkload };

// What the page is made from; all must outlive it.
struct MetricsSources {
  const PathReader& paths;
  const NodeReader& nodes;
  const MatchingReader& matching;
  const LoadReader& load;
  // How full every bounded table is; called by several threads.
  std::function<std::vector<TableUse>()> tables;
  // Of the names of flows, and of the log of single signatures; called by several threads.
  std::function<NameStatistics()> names = [] { return NameStatistics(); };
  std::function<SignatureLogCounters()> signature_log = [] { return SignatureLogCounters(); };
};

// Thread-safe: scrapes take turns.
class CorrelatorMetrics {
 public:
  // `max_series`, from 1: those of one family that have a place of their own; the rest is put
  // together as "other".
  static std::unique_ptr<CorrelatorMetrics> Create(
      MetricsSources sources, size_t max_series, MetricLabelling labelling = MetricLabelling::kPod);
  virtual ~CorrelatorMetrics() = default;

  virtual std::vector<prometheus::MetricFamily> Collect() = 0;
  // The page itself; its content type is kMetricsContentType.
  std::string Text();
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_METRICS_CORRELATOR_METRICS_H_
