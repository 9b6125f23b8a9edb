// What is told of every node by one number each.

#ifndef CORRELATOR_METRICS_NODE_GAUGES_H_
#define CORRELATOR_METRICS_NODE_GAUGES_H_

#include <optional>
#include <span>

#include "correlator/ingest/node_reader.h"

namespace audio_latency::correlator {

struct NodeGauge {
  const char* name;
  const char* help;
  // Nothing while it is not known.
  std::optional<double> (*read)(const NodeSnapshot& node);
};

// In the order of the page.
std::span<const NodeGauge> NodeGauges();

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_METRICS_NODE_GAUGES_H_
