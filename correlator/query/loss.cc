#include "correlator/query/loss.h"

#include <algorithm>

#include "common/loss/causes.h"

namespace audio_latency::correlator {
namespace {

double KeptShare(double taken, double lost) { return lost == 0 ? 1 : taken / (taken + lost); }

}  // namespace

Losses::Losses(const std::vector<NodeSnapshot>& nodes, const PathReader& paths,
               const MatchingReader* matching, const LoadReader* load) {
  for (const NodeSnapshot& node : nodes) {
    nodes_.emplace_back(node.node, node.lost_share);
    if (node.connected) {
      sampling_share_ = std::min(sampling_share_, node.sampling_share);
    }
  }
  if (load != nullptr) {
    sampling_share_ = std::min(sampling_share_, load->Load().sampling_share);
  }
  if (matching == nullptr) {
    return;
  }
  const MatchingCounters counters = matching->Counters();
  // These were taken before.
  const auto observations = static_cast<double>(counters.observations);
  const double dropped = std::min(
      observations,
      static_cast<double>(counters.overwritten + counters.too_late + counters.out_of_range));
  correlator_kept_ =
      KeptShare(observations - dropped, dropped + static_cast<double>(counters.queue_full));
  for (const auto& [cause, count] : paths.Drops()) {
    if (cause == kCauseMatchQueueFull) {
      correlator_kept_ *=
          KeptShare(std::max(0.0, static_cast<double>(counters.matches) - count), count);
    }
  }
}

double Losses::Share(const std::vector<std::string>& nodes) const {
  double kept = correlator_kept_;
  for (const auto& [name, lost_share] : nodes_) {
    if (nodes.empty() || std::binary_search(nodes.begin(), nodes.end(), name)) {
      kept *= 1 - lost_share;
    }
  }
  return 1 - kept;
}

}  // namespace audio_latency::correlator
