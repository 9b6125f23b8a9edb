#include "correlator/query/matches_to_proto.h"

#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>

#include "common/wire/event_columns.h"
#include "correlator/query/snapshots_to_proto.h"

namespace audio_latency::correlator {
namespace {

constexpr double kSecondsPerNs = 1e-9;
// Both times of a delay were rounded for the way here.
constexpr double kRoundingSeconds = static_cast<double>(wire::kTimeUnitNs) * kSecondsPerNs;

// Empty where a capture file does not tell it.
const char* DirectionName(Direction direction) {
  switch (direction) {
    case Direction::kUnknown:
      return "";
    case Direction::kIngress:
      return "ingress";
    case Direction::kEgress:
      return "egress";
  }
  return "";
}

const char* DecisionName(const Match& match) {
  const auto was = [&match](Decision decision) {
    return std::any_of(match.passages.begin(), match.passages.end(),
                       [decision](const Passage& p) { return p.decision == decision; });
  };
  if (was(Decision::kLock)) {
    return "lock";
  }
  return was(Decision::kUnique) ? "unique" : "conversation";
}

std::string TransportName(uint8_t transport) {
  switch (transport) {
    case IPPROTO_TCP:
      return "tcp";
    case IPPROTO_UDP:
      return "udp";
    default:
      return std::to_string(transport);
  }
}

}  // namespace

TraceWriter::TraceWriter(const FlowRegistry& flows, const std::vector<NodeSnapshot>& nodes,
                         int64_t unix_minus_monotonic_ns)
    : flows_(flows), unix_minus_monotonic_ns_(unix_minus_monotonic_ns) {
  for (const NodeSnapshot& node : nodes) {
    clock_error_seconds_[node.node] = node.clock_error_bound_seconds;
  }
}

double TraceWriter::ErrorBoundSeconds(const std::string& node,
                                      const std::string& other_node) const {
  if (node == other_node) {
    return kRoundingSeconds;
  }
  double error = kRoundingSeconds;
  for (const std::string& name : {node, other_node}) {
    if (const auto found = clock_error_seconds_.find(name); found != clock_error_seconds_.end()) {
      error += found->second;
    }
  }
  return error;
}

void TraceWriter::WritePoint(const MatchPoint& point, uint32_t position, const MatchPoint& origin,
                             v1::TracePoint* message) const {
  const FlowDescription& flow = flows_.Description(point.flow);
  const FlowRecord& record = flows_.RecordAt(point.flow, point.time_ns);
  const std::string& node = flows_.NodeName(flow.node);
  message->set_node(node);
  message->set_interface(flow.interface_name);
  message->set_direction(DirectionName(flow.direction));
  ToProto(flows_.EndpointOf(record.source), message->mutable_source());
  ToProto(flows_.EndpointOf(record.destination), message->mutable_destination());
  // A pod may have several addresses: tell the flow's own.
  message->mutable_source()->set_address(flow.source.ToString());
  message->mutable_destination()->set_address(flow.destination.ToString());
  message->set_source_port(flow.source_port);
  message->set_destination_port(flow.destination_port);
  message->set_transport(TransportName(flow.transport));
  message->set_time_unix_seconds(static_cast<double>(point.time_ns + unix_minus_monotonic_ns_) *
                                 kSecondsPerNs);
  message->set_delay_seconds(static_cast<double>(point.time_ns - origin.time_ns) * kSecondsPerNs);
  message->set_error_bound_seconds(
      ErrorBoundSeconds(node, flows_.NodeName(flows_.Description(origin.flow).node)));
  message->set_position(position);
  if (flow.is_rtp) {
    message->set_rtp_ssrc(flow.rtp_ssrc);
  } else if (flow.initial_sequence.has_value()) {
    message->set_stream_offset_bytes(position - *flow.initial_sequence);
  }
}

void TraceWriter::Write(const Match& match, v1::Trace* trace) const {
  trace->set_signature(SignatureText(match.signature));
  trace->set_decision(DecisionName(match));
  for (const Passage& passage : match.passages) {
    const MatchPoint& origin = match.passages.front().first;
    WritePoint(passage.first, passage.position, origin, trace->add_points());
    if (passage.last.flow != passage.first.flow) {
      WritePoint(passage.last, passage.position, origin, trace->add_points());
    }
  }
}

std::string SignatureText(uint64_t signature) { return fmt::format("{:016x}", signature); }

}  // namespace audio_latency::correlator
