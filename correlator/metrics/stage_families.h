// Metrics of the correlator's stages themselves: what was matched, the load, how full tables are.
// None of them grows with hops, pods or nodes.

#ifndef CORRELATOR_METRICS_STAGE_FAMILIES_H_
#define CORRELATOR_METRICS_STAGE_FAMILIES_H_

#include <prometheus/metric_family.h>

#include <span>
#include <vector>

#include "correlator/flows/flow_registry.h"
#include "correlator/load/load_reader.h"
#include "correlator/load/table_use.h"
#include "correlator/matching/matching_reader.h"
#include "correlator/signature_log/signature_log.h"

namespace audio_latency::correlator {

void AddMatchingFamilies(const MatchingCounters& counters,
                         std::vector<prometheus::MetricFamily>* families);
void AddLoadFamilies(const LoadSnapshot& load, std::vector<prometheus::MetricFamily>* families);
void AddTableFamilies(std::span<const TableUse> tables,
                      std::vector<prometheus::MetricFamily>* families);
void AddNameFamilies(const NameStatistics& names, std::vector<prometheus::MetricFamily>* families);
void AddSignatureLogFamilies(const SignatureLogCounters& counters,
                             std::vector<prometheus::MetricFamily>* families);

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_METRICS_STAGE_FAMILIES_H_
