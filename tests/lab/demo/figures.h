// Delays, shares and tables as people read them.

#ifndef TESTS_LAB_DEMO_FIGURES_H_
#define TESTS_LAB_DEMO_FIGURES_H_

#include <string>
#include <vector>

#include "audio_latency/v1/latency.pb.h"

namespace audio_latency::lab {

// "40.07 ms", "62 us", "1.250 s".
std::string DelayText(double seconds);

// "ingress-1", or the workload or address where several pods share a hop.
std::string EndpointName(const audio_latency::v1::Endpoint& endpoint);
// "network ingress-1 to processor-2", "inside processor-2".
std::string HopName(const audio_latency::v1::Hop& hop);

// A line a path, and below it a line a hop, with a header: count, p50, p95, p99, error bar.
std::vector<std::string> PathTable(
    const google::protobuf::RepeatedPtrField<audio_latency::v1::Path>& paths);

}  // namespace audio_latency::lab

#endif  // TESTS_LAB_DEMO_FIGURES_H_
