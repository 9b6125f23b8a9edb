// Matches as traces: with the names, addresses and interfaces of the flows that they were seen in.

#ifndef CORRELATOR_QUERY_MATCHES_TO_PROTO_H_
#define CORRELATOR_QUERY_MATCHES_TO_PROTO_H_

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "audio_latency/v1/latency.pb.h"
#include "correlator/flows/flow_registry.h"
#include "correlator/ingest/node_reader.h"
#include "correlator/matching/match.h"

namespace audio_latency::correlator {

// For one answer: it keeps the nodes' clock errors as they were when it was made.
class TraceWriter {
 public:
  // `unix_minus_monotonic_ns`: what makes Unix time of the matches' times.
  TraceWriter(const FlowRegistry& flows, const std::vector<NodeSnapshot>& nodes,
              int64_t unix_minus_monotonic_ns);

  void Write(const Match& match, v1::Trace* trace) const;

 private:
  // Of the delay between two points: none of the clock when both are on one node.
  double ErrorBoundSeconds(const std::string& node, const std::string& other_node) const;
  void WritePoint(const MatchPoint& point, uint32_t position, const MatchPoint& origin,
                  v1::TracePoint* message) const;

  const FlowRegistry& flows_;
  const int64_t unix_minus_monotonic_ns_;
  std::unordered_map<std::string, double> clock_error_seconds_;
};

// 16 hexadecimal digits.
std::string SignatureText(uint64_t signature);

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_QUERY_MATCHES_TO_PROTO_H_
