// The labels that hops, and what is inside pods, are told apart by.

#ifndef CORRELATOR_METRICS_HOP_LABELS_H_
#define CORRELATOR_METRICS_HOP_LABELS_H_

#include <cstddef>
#include <string>

#include "common/metrics/metrics_text.h"
#include "correlator/ingest/node_reader.h"
#include "correlator/metrics/correlator_metrics.h"
#include "correlator/paths/snapshot.h"

namespace audio_latency::correlator {

MetricLabels TransitLabels(const HopSnapshot& hop, MetricLabelling labelling);
MetricLabels ProcessingLabels(const HopSnapshot& hop, MetricLabelling labelling);
MetricLabels SignatureLabels(const PodSignatures& signatures, MetricLabelling labelling);
// Which of the hops that have the same labels (Series::member).
std::string MemberOf(const HopSnapshot& hop);

// `number`: from 1 on the way. The names are those in the path's own.
MetricLabels PathHopLabels(const std::string& path, size_t number, const HopSnapshot& hop);

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_METRICS_HOP_LABELS_H_
