// What readers see of the nodes.

#include <algorithm>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "bpf/capture_abi.h"
#include "common/loss/causes.h"
#include "correlator/endpoints/endpoint_text.h"
#include "correlator/ingest/node_state.h"
#include "correlator/ingest/node_table.h"

namespace audio_latency::correlator {
namespace {

// Without an exchange over UDP for this long, the clock is measured on the stream.
constexpr int64_t kDatagramsNs = 5'000'000'000;

constexpr const char* kErrorNames[] = {
#define INGEST_ERROR_NAME(constant, name) name,
    INGEST_ERRORS(INGEST_ERROR_NAME)
#undef INGEST_ERROR_NAME
};

// Causes that the probe's kernel part counts without an event being lost. Others are losses.
bool IsHarmless(const std::string& cause) {
  static const auto* const kHarmless = new std::vector<std::string>{
#define CAPTURE_COUNTER_HARMLESS(constant, name, lost) (lost) ? "" : name,
      CAPTURE_COUNTERS(CAPTURE_COUNTER_HARMLESS)
#undef CAPTURE_COUNTER_HARMLESS
  };
  return std::find(kHarmless->begin(), kHarmless->end(), cause) != kHarmless->end();
}

}  // namespace

void NodeTable::CountError(IngestError error, uint64_t count) {
  errors_[static_cast<size_t>(error)].fetch_add(count, std::memory_order_relaxed);
}

NodeSnapshot NodeTable::Snapshot(const Node& node) const {
  const ClockStatus clock = sink_.StatusOf(node.id);
  NodeSnapshot snapshot;
  snapshot.node = node.name;
  snapshot.instance = node.instance;
  snapshot.version = node.version;
  snapshot.connected = node.stream != 0;
  snapshot.last_seen_unix_ns = node.last_seen_ns;
  snapshot.clock_state = clock.state;
  snapshot.clock_offset_seconds = static_cast<double>(clock.offset_ns) * 1e-9;
  snapshot.clock_error_bound_seconds = static_cast<double>(clock.error_bound_ns) * 1e-9;
  snapshot.clock_source = node.last_datagram_ns.has_value() &&
                                  monotonic_clock_.NowNs() - *node.last_datagram_ns < kDatagramsNs
                              ? ClockSource::kDatagrams
                              : ClockSource::kStream;
  snapshot.kernel_clock = node.kernel_clock;
  snapshot.clock_drift_ppm = clock.drift * 1e6;
  snapshot.clock_waiting_events = static_cast<double>(clock.waiting_events);
  snapshot.events = static_cast<double>(node.events);
  snapshot.signed_events = static_cast<double>(node.signed_events);
  snapshot.flows = static_cast<double>(node.flows.size());
  std::map<std::string, uint64_t> drops = node.drops;
  if (clock.unsynchronised_events > 0) {
    drops[kCauseClockUnsynchronised] += clock.unsynchronised_events;
  }
  if (clock.too_late_events > 0) {
    drops[kCauseTooLate] += clock.too_late_events;
  }
  if (clock.out_of_range_events > 0) {
    drops[kCauseTimeOutOfRange] += clock.out_of_range_events;
  }
  double lost = 0;
  for (const auto& [cause, count] : drops) {
    const bool is_lost = !IsHarmless(cause);
    snapshot.drops.push_back(
        {.cause = cause, .count = static_cast<double>(count), .lost = is_lost});
    lost += is_lost ? static_cast<double>(count) : 0;
  }
  snapshot.sampling_share = SamplingShare(node.sampling_threshold);
  // Of the events taken, some were lost afterwards: they are in both numbers.
  const auto no_room = node.drops.find(kCauseCorrelatorFlowLimit);
  const double lost_afterwards = static_cast<double>(
      clock.unsynchronised_events + clock.too_late_events + clock.out_of_range_events +
      (no_room == node.drops.end() ? 0 : no_room->second));
  const double events = std::max(0.0, snapshot.events - lost_afterwards) + lost;
  snapshot.lost_share = lost == 0 ? 0 : lost / events;
  return snapshot;
}

std::vector<NodeSnapshot> NodeTable::Nodes() const {
  std::vector<NodeSnapshot> snapshots;
  for (const std::shared_ptr<Node>& node : AllNodes()) {
    const std::scoped_lock lock(node->mutex);
    snapshots.push_back(Snapshot(*node));
  }
  return snapshots;
}

std::vector<PodSignatures> NodeTable::Signatures() const {
  const int64_t now_ns = monotonic_clock_.NowNs();
  std::map<std::string, PodSignatures> sums;
  for (const std::shared_ptr<Node>& node : AllNodes()) {
    const std::scoped_lock lock(node->mutex);
    for (const auto& [pod, counted] : node->signatures) {
      if (counted.IsOver(flows_, now_ns)) {
        continue;
      }
      PodSignatures& sum = sums[pod];
      sum.pod = pod;
      sum.count += static_cast<double>(counted.count);
      const Endpoint& source = flows_.EndpointOf(counted.source);
      if (PodText(source) == pod) {
        sum.namespace_name = source.namespace_name;
        sum.workload = source.workload;
        sum.workload_kind = source.workload_kind;
      }
    }
  }
  std::vector<PodSignatures> signatures;
  signatures.reserve(sums.size());
  for (auto& [pod, sum] : sums) {
    signatures.push_back(std::move(sum));
  }
  return signatures;
}

std::vector<std::pair<std::string, double>> NodeTable::Errors() const {
  std::vector<std::pair<std::string, double>> errors;
  for (size_t i = 0; i < errors_.size(); ++i) {
    errors.emplace_back(kErrorNames[i],
                        static_cast<double>(errors_[i].load(std::memory_order_relaxed)));
  }
  return errors;
}

}  // namespace audio_latency::correlator
