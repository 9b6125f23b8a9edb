#include "correlator/query/snapshots_to_proto.h"

#include <algorithm>
#include <array>
#include <set>
#include <string>

#include "common/loss/causes.h"

namespace audio_latency::correlator {
namespace {

constexpr double kNsPerSecond = 1e9;
constexpr std::string_view kPathSeparator = " > ";

void ToProto(const DelaySnapshot& delay, v1::DelayDistribution* message) {
  message->set_p50_seconds(delay.p50_seconds);
  message->set_p90_seconds(delay.p90_seconds);
  message->set_p95_seconds(delay.p95_seconds);
  message->set_p99_seconds(delay.p99_seconds);
  message->set_max_seconds(delay.max_seconds);
  message->set_min_seconds(delay.min_seconds);
  message->set_mean_seconds(delay.mean_seconds);
}

void ToProto(const NodeSnapshot& node, v1::NodeClock* message) {
  message->set_node(node.node);
  message->set_state(NameOf(node.clock_state));
  message->set_offset_seconds(node.clock_offset_seconds);
  message->set_drift_ppm(node.clock_drift_ppm);
  message->set_error_bound_seconds(node.clock_error_bound_seconds);
  message->set_source(NameOf(node.clock_source));
  message->set_waiting_events(node.clock_waiting_events);
  for (const NodeSnapshot::Drop& drop : node.drops) {
    if (drop.cause == kCauseClockUnsynchronised) {
      message->set_unsynchronised_events(drop.count);
    }
  }
}

bool IsNamed(const Endpoint& endpoint, std::string_view name) {
  return endpoint.pod == name || endpoint.workload == name || endpoint.service == name ||
         endpoint.PathName() == name;
}

// Whether "a > b > c" has the part `name`.
bool HasPart(std::string_view path, std::string_view name) {
  while (true) {
    const size_t end = path.find(kPathSeparator);
    if (path.substr(0, end) == name) {
      return true;
    }
    if (end == std::string_view::npos) {
      return false;
    }
    path.remove_prefix(end + kPathSeparator.size());
  }
}

}  // namespace

void ToProto(const Endpoint& endpoint, v1::Endpoint* message) {
  message->set_pod(endpoint.pod);
  message->set_namespace_(endpoint.namespace_name);
  message->set_workload(endpoint.workload);
  message->set_node(endpoint.node);
  message->set_workload_kind(endpoint.workload_kind);
  message->set_service(endpoint.service);
  message->set_ambiguous(endpoint.ambiguous);
  // Where several pods share a hop there is no single address.
  if (endpoint.address != IpAddress()) {
    message->set_address(endpoint.address.ToString());
  }
}

void ToProto(const HopSnapshot& hop, v1::Hop* message) {
  message->set_kind(hop.kind == HopKind::kTransit ? v1::Hop::TRANSIT : v1::Hop::PROCESSING);
  ToProto(hop.source, message->mutable_source());
  ToProto(hop.destination, message->mutable_destination());
  message->set_count(hop.delay.count);
  ToProto(hop.delay, message->mutable_one_way_delay());
  message->set_error_bound_seconds(hop.delay.error_bound_seconds);
  message->set_negative_count(hop.delay.negative_count);
}

void ToProto(const NodeSnapshot& node, v1::Node* message) {
  message->set_node(node.node);
  message->set_instance(node.instance);
  message->set_version(node.version);
  message->set_connected(node.connected);
  message->set_last_seen_unix_seconds(static_cast<double>(node.last_seen_unix_ns) / kNsPerSecond);
  message->set_clock_state(NameOf(node.clock_state));
  message->set_clock_offset_seconds(node.clock_offset_seconds);
  message->set_clock_error_bound_seconds(node.clock_error_bound_seconds);
  message->set_events(node.events);
  for (const NodeSnapshot::Drop& drop : node.drops) {
    (*message->mutable_drops())[drop.cause] += drop.count;
  }
  message->set_lost_share(node.lost_share);
  message->set_sampling_share(node.sampling_share);
  message->set_flows(node.flows);
  message->set_clock_drift_ppm(node.clock_drift_ppm);
  message->set_clock_source(NameOf(node.clock_source));
  if (node.kernel_clock.has_value()) {
    v1::KernelClock* const clock = message->mutable_kernel_clock();
    clock->set_is_synchronised(node.kernel_clock->is_synchronised);
    clock->set_offset_seconds(node.kernel_clock->offset_seconds);
    clock->set_frequency_ppm(node.kernel_clock->frequency_ppm);
    clock->set_estimated_error_seconds(node.kernel_clock->estimated_error_seconds);
    clock->set_maximum_error_seconds(node.kernel_clock->maximum_error_seconds);
  }
}

void AddClocks(const std::vector<NodeSnapshot>& nodes, const std::set<std::string>& names,
               google::protobuf::RepeatedPtrField<v1::NodeClock>* clocks) {
  for (const NodeSnapshot& node : nodes) {
    if (names.empty() || names.contains(node.node) ||
        (node.connected && node.clock_state != ClockState::kGood)) {
      ToProto(node, clocks->Add());
    }
  }
}

void ToProto(const PathSnapshot& path, double lost_share, v1::Path* message) {
  message->set_path(path.path);
  message->set_count(path.delay.count);
  ToProto(path.delay, message->mutable_one_way_delay());
  message->set_error_bound_seconds(path.delay.error_bound_seconds);
  message->set_lost_share(lost_share);
  for (const HopSnapshot& hop : path.hops) {
    ToProto(hop, message->add_hops());
  }
  message->set_negative_count(path.delay.negative_count);
  message->set_coverage(path.coverage);
  message->set_last_seen_unix_seconds(static_cast<double>(path.last_seen_unix_ns) / kNsPerSecond);
}

bool GoesThrough(const HopSnapshot& hop, std::string_view name) {
  return IsNamed(hop.source, name) || IsNamed(hop.destination, name);
}

bool GoesThrough(const PathSnapshot& path, std::string_view name,
                 const std::vector<HopSnapshot>& hops) {
  const auto is_named = [name](const HopSnapshot& hop) { return GoesThrough(hop, name); };
  if (HasPart(path.path, name) || std::any_of(path.hops.begin(), path.hops.end(), is_named)) {
    return true;
  }
  return std::any_of(hops.begin(), hops.end(), [&path, name](const HopSnapshot& hop) {
    return (hop.source.pod == name && HasPart(path.path, hop.source.PathName())) ||
           (hop.destination.pod == name && HasPart(path.path, hop.destination.PathName()));
  });
}

std::vector<std::string> NodesOf(const HopSnapshot& hop) {
  std::set<std::string> nodes = {hop.source.node, hop.destination.node};
  nodes.erase("");
  return {nodes.begin(), nodes.end()};
}

std::vector<std::string> NodesOf(const PathSnapshot& path, const std::vector<HopSnapshot>& hops) {
  std::set<std::string> nodes;
  for (const HopSnapshot& hop : path.hops) {
    nodes.insert(hop.source.node);
    nodes.insert(hop.destination.node);
  }
  if (nodes.contains("")) {
    for (const HopSnapshot& hop : hops) {
      for (const Endpoint* endpoint : {&hop.source, &hop.destination}) {
        if (HasPart(path.path, endpoint->PathName())) {
          nodes.insert(endpoint->node);
        }
      }
    }
  }
  nodes.erase("");
  return {nodes.begin(), nodes.end()};
}

}  // namespace audio_latency::correlator
