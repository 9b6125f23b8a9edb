// What share of the events behind an answer was lost, and what share was told at all.

#ifndef CORRELATOR_QUERY_LOSS_H_
#define CORRELATOR_QUERY_LOSS_H_

#include <string>
#include <utility>
#include <vector>

#include "correlator/ingest/node_reader.h"
#include "correlator/load/load_reader.h"
#include "correlator/matching/matching_reader.h"
#include "correlator/paths/path_reader.h"

namespace audio_latency::correlator {

// As it is at one time; make one an answer. Since the start of each
// probe and of the correlator.
class Losses {
 public:
  // `matching` and `load` are null in a replay, which waits for itself and keeps everything.
  Losses(const std::vector<NodeSnapshot>& nodes, const PathReader& paths,
         const MatchingReader* matching, const LoadReader* load);

  // Of the events of these nodes, sorted by name: an event is lost that is lost at any of them, or
  // behind them all, in the correlator: 1 - Π(1 - share). No names: of all nodes.
  double Share(const std::vector<std::string>& nodes) const;
  // Of the signatures, the least that any connected probe kept of its newest events, or that all
  // are to keep now: what is kept at one node only meets nothing.
  double sampling_share() const { return sampling_share_; }

 private:
  std::vector<std::pair<std::string, double>> nodes_;
  double correlator_kept_ = 1;
  double sampling_share_ = 1;
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_QUERY_LOSS_H_
