#include "tests/unit/correlator/query/fake_readers.h"

#include <fmt/format.h>

namespace audio_latency::correlator {
namespace {

// 1,234 samples around `seconds`.
DelaySnapshot DelayAround(double seconds) {
  DelaySnapshot delay;
  delay.count = 1234;
  delay.p50_seconds = seconds;
  delay.p90_seconds = seconds * 1.1;
  delay.p95_seconds = seconds * 1.2;
  delay.p99_seconds = seconds * 1.5;
  delay.max_seconds = seconds * 2;
  delay.min_seconds = seconds / 2;
  delay.mean_seconds = seconds;
  delay.negative_count = 1;
  delay.error_bound_seconds = 2e-6;
  size_t bucket = 0;
  while (bucket < kDelayBucketsSeconds.size() && seconds > kDelayBucketsSeconds[bucket]) {
    ++bucket;
  }
  delay.buckets[bucket] = delay.count;
  delay.sum_seconds = delay.count * seconds;
  return delay;
}

HopSnapshot Hop(HopKind kind, const Endpoint& source, const Endpoint& destination, double seconds) {
  return {
      .kind = kind, .source = source, .destination = destination, .delay = DelayAround(seconds)};
}

}  // namespace

Endpoint PodEndpoint(const std::string& workload, int number, const std::string& node) {
  Endpoint endpoint;
  endpoint.pod = fmt::format("{}-{}", workload, number);
  endpoint.namespace_name = "voice";
  endpoint.workload_kind = "Deployment";
  endpoint.workload = workload;
  endpoint.node = node;
  endpoint.address = *IpAddress::Parse(fmt::format("10.0.{}.5", number));
  return endpoint;
}

void FillThreeNodes(FakePathReader* paths, FakeNodeReader* nodes, FakeMatchingReader* matching) {
  const Endpoint ingress = PodEndpoint("ingress", 1, "node-a");
  const Endpoint processor = PodEndpoint("processor", 2, "node-b");
  const Endpoint egress = PodEndpoint("egress", 3, "node-c");
  paths->hops = {Hop(HopKind::kTransit, ingress, processor, 0.00031),
                 Hop(HopKind::kProcessing, processor, processor, 0.0402),
                 Hop(HopKind::kTransit, processor, egress, 0.00029)};
  paths->paths = {{.path = "ingress > processor > egress",
                   .delay = DelayAround(0.0412),
                   .coverage = 0.995,
                   .last_seen_unix_ns = 1704110400'000'000'000,
                   .hops = paths->hops}};
  paths->drops = {{"series_table_full", 2}};
  int number = 0;
  for (const char* name : {"node-a", "node-b", "node-c"}) {
    NodeSnapshot node;
    node.node = name;
    node.instance = "instance-1";
    node.version = "0.1.0";
    node.connected = true;
    node.last_seen_unix_ns = 1704110400'000'000'000;
    node.clock_state = ClockState::kGood;
    node.clock_offset_seconds = -12.5 * ++number;
    node.clock_error_bound_seconds = 1.5e-6;
    node.clock_drift_ppm = 12.5;
    node.clock_source = number == 1 ? ClockSource::kDatagrams : ClockSource::kStream;
    if (number < 3) {
      node.kernel_clock = {.is_synchronised = number == 1,
                           .offset_seconds = -1e-4,
                           .frequency_ppm = 8,
                           .estimated_error_seconds = 2e-4,
                           .maximum_error_seconds = 3e-3};
    }
    node.events = 5000;
    node.flows = 4;
    node.drops = {{.cause = "ring_full", .count = 50, .lost = true},
                  {.cause = "gate_silence", .count = 700, .lost = false}};
    node.lost_share = 0.01;
    nodes->nodes.push_back(node);
  }
  nodes->signatures = {{.pod = "ingress-1", .count = 1523}, {.pod = "processor-2", .count = 1501}};
  nodes->errors = {{"malformed_batch", 4}};
  matching->counters = {.observations = 15000,
                        .matches = 4000,
                        .unique_links = 1200,
                        .lock_links = 34,
                        .collisions = 2,
                        .live_observations = 800,
                        .locks = 1};
}

}  // namespace audio_latency::correlator
