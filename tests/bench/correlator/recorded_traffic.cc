#include "tests/bench/correlator/recorded_traffic.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <span>

#include "audio_latency/v1/probe.pb.h"
#include "common/address/ip_address.h"
#include "common/status/status_macros.h"
#include "common/wire/event_columns.h"
#include "fmt/format.h"

namespace audio_latency::bench {
namespace {

using correlator::Endpoint;
using correlator::EndpointQuery;
using correlator::Resolution;

constexpr int64_t kProcessingNs = 40'000'000;
constexpr int64_t kTransitNs = 200'000;
constexpr size_t kFlowsPerCall = 8;
constexpr uint32_t kUplink = 1;
constexpr uint32_t kContainer = 2;

IpAddress PodAddress(uint32_t workload, uint32_t pod) {
  const std::array<char, 4> bytes = {10, static_cast<char>(workload), static_cast<char>(pod / 250),
                                     static_cast<char>(pod % 250 + 1)};
  return *IpAddress::FromBytes({bytes.data(), bytes.size()});
}

class Directory final : public correlator::EndpointDirectory {
 public:
  Resolution Resolve(const EndpointQuery& query) const override {
    static constexpr const char* kWorkloads[] = {"ingress", "processor", "egress"};
    const auto& bytes = query.address.mapped();
    Resolution resolution;
    Endpoint& endpoint = resolution.endpoint;
    endpoint.address = query.address;
    endpoint.workload = kWorkloads[bytes[13] % 3];
    endpoint.pod = fmt::format("{}-{}", endpoint.workload, bytes[14] * 250 + bytes[15]);
    endpoint.namespace_name = "voice";
    endpoint.node = kNodeNames[bytes[13] % 3];
    return resolution;
  }
};

// A point of a leg: who sees it, where, and how long after the leg's start.
struct Point {
  size_t node;
  uint32_t interface;
  v1::Direction direction;
  uint32_t leg;
  int64_t after_ns;
};
constexpr int64_t kSecondLegNs = kTransitNs + 25'000 + kProcessingNs;
constexpr std::array<Point, kFlowsPerCall> kPoints = {{
    {0, kContainer, v1::DIRECTION_INGRESS, 0, 0},
    {0, kUplink, v1::DIRECTION_EGRESS, 0, 10'000},
    {1, kUplink, v1::DIRECTION_INGRESS, 0, 10'000 + kTransitNs},
    {1, kContainer, v1::DIRECTION_EGRESS, 0, 25'000 + kTransitNs},
    {1, kContainer, v1::DIRECTION_INGRESS, 1, kSecondLegNs},
    {1, kUplink, v1::DIRECTION_EGRESS, 1, kSecondLegNs + 10'000},
    {2, kUplink, v1::DIRECTION_INGRESS, 1, kSecondLegNs + 10'000 + kTransitNs},
    {2, kContainer, v1::DIRECTION_EGRESS, 1, kSecondLegNs + 25'000 + kTransitNs},
}};

struct Event {
  int64_t time_ns;
  uint64_t signature;
  uint64_t flow_id;
  uint32_t position;
};

void Define(const TrafficOptions& options, size_t node, v1::EventBatch* batch) {
  for (const uint32_t interface : {kUplink, kContainer}) {
    v1::InterfaceDefinition* const definition = batch->add_interfaces();
    definition->set_interface_index(interface);
    definition->set_name(interface == kUplink ? "eth0" : "veth0");
    definition->set_role(interface == kUplink ? v1::INTERFACE_ROLE_UPLINK
                                              : v1::INTERFACE_ROLE_CONTAINER);
  }
  for (uint32_t call = 0; call < options.calls; ++call) {
    for (size_t i = 0; i < kPoints.size(); ++i) {
      const Point& point = kPoints[i];
      if (point.node != node) {
        continue;
      }
      const uint32_t pod = call % options.pods_per_workload;
      v1::FlowDefinition* const flow = batch->add_flows();
      flow->set_flow_id(uint64_t{call} * kFlowsPerCall + i + 1);
      flow->set_interface_index(point.interface);
      flow->set_direction(point.direction);
      flow->set_source_address(PodAddress(point.leg, pod).ToBytes());
      flow->set_destination_address(PodAddress(point.leg + 1, pod).ToBytes());
      flow->set_source_port(10'000 + call / options.pods_per_workload);
      flow->set_destination_port(5000);
      flow->set_transport(6);
    }
  }
}

// Events of each node, in time order.
std::array<std::vector<Event>, 3> MakeEvents(const TrafficOptions& options, int64_t start_ns) {
  std::array<std::vector<Event>, 3> events;
  std::mt19937_64 random(1);
  std::exponential_distribution<> jitter_ns(1.0 / 50'000);
  const int64_t period_ns = 1'000'000'000 / options.signatures_per_second;
  for (uint32_t call = 0; call < options.calls; ++call) {
    const int64_t phase_ns = static_cast<int64_t>(random() % static_cast<uint64_t>(period_ns));
    uint32_t position = static_cast<uint32_t>(random());
    for (int64_t at_ns = phase_ns; at_ns < options.duration_ns; at_ns += period_ns) {
      const uint64_t signature = random();
      const int64_t late_ns = static_cast<int64_t>(jitter_ns(random));
      position += 256;
      for (size_t i = 0; i < kPoints.size(); ++i) {
        events[kPoints[i].node].push_back(
            {.time_ns = start_ns + at_ns + kPoints[i].after_ns + (i > 1 ? late_ns : 0),
             .signature = signature,
             .flow_id = uint64_t{call} * kFlowsPerCall + i + 1,
             .position = position});
      }
    }
  }
  for (std::vector<Event>& of_node : events) {
    std::sort(of_node.begin(), of_node.end(),
              [](const Event& a, const Event& b) { return a.time_ns < b.time_ns; });
  }
  return events;
}

void EncodeEvents(std::span<const Event> events, v1::EventColumns* columns) {
  std::vector<uint64_t> flow_ids;
  for (const Event& event : events) {
    flow_ids.push_back(event.flow_id);
  }
  std::sort(flow_ids.begin(), flow_ids.end());
  flow_ids.erase(std::unique(flow_ids.begin(), flow_ids.end()), flow_ids.end());
  std::vector<wire::WireEvent> wire_events;
  for (const Event& event : events) {
    wire::WireEvent& wire_event = wire_events.emplace_back();
    wire_event.signature = event.signature;
    wire_event.time_ns = event.time_ns;
    wire_event.flow_index = static_cast<uint32_t>(
        std::lower_bound(flow_ids.begin(), flow_ids.end(), event.flow_id) - flow_ids.begin());
    wire_event.position = event.position;
    wire_event.is_signed = true;
  }
  const std::vector<uint8_t> flow_is_rtp(flow_ids.size(), 0);
  const absl::Status status = wire::Encode(wire_events, flow_ids, flow_is_rtp, columns);
  if (!status.ok()) {
    std::fputs(fmt::format("cannot encode: {}\n", Message(status)).c_str(), stderr);
    std::abort();
  }
}

}  // namespace

RecordedTraffic RecordTraffic(const TrafficOptions& options) {
  RecordedTraffic traffic;
  traffic.start_ns = 1'000'000'000'000;
  traffic.directory = std::make_unique<Directory>();
  const std::array<std::vector<Event>, 3> events = MakeEvents(options, traffic.start_ns);
  for (size_t node = 0; node < events.size(); ++node) {
    uint64_t batch_number = 0;
    int64_t end_ns = traffic.start_ns;
    for (size_t begin = 0; begin < events[node].size();) {
      end_ns += options.report_period_ns;
      size_t end = begin;
      while (end < events[node].size() && events[node][end].time_ns < end_ns) {
        ++end;
      }
      for (; begin < end; begin = std::min(end, begin + wire::kMaxEventsPerBatch)) {
        v1::StreamRequest request;
        v1::EventBatch* const batch = request.mutable_event_batch();
        batch->set_batch_number(++batch_number);
        if (batch_number == 1) {
          Define(options, node, batch);
        }
        const size_t count = std::min<size_t>(end - begin, wire::kMaxEventsPerBatch);
        EncodeEvents(std::span(events[node]).subspan(begin, count), batch->mutable_columns());
        traffic.events += count;
        traffic.batches.push_back({.node = node,
                                   .arrival_ns = end_ns + static_cast<int64_t>(node) * 1'000'000,
                                   .bytes = request.SerializeAsString(),
                                   .events = count});
      }
    }
  }
  std::stable_sort(
      traffic.batches.begin(), traffic.batches.end(),
      [](const RecordedBatch& a, const RecordedBatch& b) { return a.arrival_ns < b.arrival_ns; });
  return traffic;
}

}  // namespace audio_latency::bench
