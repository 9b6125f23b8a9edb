#include "correlator/matching/passages.h"

#include <algorithm>
#include <optional>
#include <span>
#include <tuple>

#include "absl/container/inlined_vector.h"
#include "correlator/matching/observation_log.h"

namespace audio_latency::correlator {
namespace {

// What one node saw of a passage.
struct NodeView {
  NodeId node = 0;
  bool out_of_container = false;
  bool into_container = false;
  // When it first came in from elsewhere, and first left for it.
  std::optional<int64_t> into_node_ns = {};
  std::optional<int64_t> out_of_node_ns = {};
  // Seen where it is not known which way is out: may be either end.
  bool at_unknown_side = false;
  const PieceObservation* earliest = nullptr;
  const PieceObservation* latest = nullptr;

  void Add(const PieceObservation& observation) {
    const FlowRecord& record = *observation.record;
    const bool is_ingress = record.direction == Direction::kIngress;
    if (record.direction == Direction::kUnknown) {
      at_unknown_side = true;
    } else if (record.interface_role == InterfaceRole::kContainer) {
      (is_ingress ? out_of_container : into_container) = true;
    } else {
      std::optional<int64_t>& first_ns = is_ingress ? into_node_ns : out_of_node_ns;
      first_ns = std::min(first_ns.value_or(observation.time_ns), observation.time_ns);
    }
    if (earliest == nullptr || observation.time_ns < earliest->time_ns) {
      earliest = &observation;
    }
    if (latest == nullptr || observation.time_ns > latest->time_ns) {
      latest = &observation;
    }
  }

  // It left before it came in: it began and ended here, over the loopback interface or by a network
  // that led it back. What comes in first is forwarded, and this node is neither end.
  bool CameBack() const {
    return out_of_node_ns.has_value() && into_node_ns.has_value() &&
           *out_of_node_ns < *into_node_ns;
  }

  // 3: the audio left its pod here; 2: it left the node and did not come from another; 1: it passed
  // a point that may be anywhere.
  int SourceRank() const {
    if (out_of_container) {
      return 3;
    }
    const bool left_first = out_of_node_ns.has_value() && (!into_node_ns.has_value() || CameBack());
    return left_first ? 2 : (at_unknown_side ? 1 : 0);
  }
  int DestinationRank() const {
    if (into_container) {
      return 3;
    }
    const bool came_last = into_node_ns.has_value() && (!out_of_node_ns.has_value() || CameBack());
    return came_last ? 2 : (at_unknown_side ? 1 : 0);
  }
};
using NodeViews = absl::InlinedVector<NodeView, 4>;

// How much a node looks like the endpoint's own.
class HomeScore {
 public:
  HomeScore(const FlowRegistry& flows, const EndpointHomes& homes) : flows_(flows), homes_(homes) {}

  // 2: the directory says so; 1: those whom it was seen with do.
  int Of(EndpointId endpoint, NodeId node) const {
    const std::string& home = flows_.EndpointOf(endpoint).node;
    if (!home.empty() && flows_.NodeName(node) == home) {
      return 2;
    }
    return homes_.MayBeHome(endpoint, node) ? 1 : 0;
  }

 private:
  const FlowRegistry& flows_;
  const EndpointHomes& homes_;
};

struct Choice {
  const NodeView* view = nullptr;
  // Another view might have been it as well, but for the time.
  bool is_by_time = false;
};

// The view with the highest rank; on a tie the one of the endpoint's own node, then one that is not
// the other endpoint's, then by time.
template <typename Rank, typename IsBetterByTime>
Choice Choose(const HomeScore& score, const NodeViews& views, EndpointId endpoint,
              EndpointId other_endpoint, Rank rank, IsBetterByTime is_better_by_time) {
  const auto likeness = [&](const NodeView& view) {
    return std::tuple(rank(view), score.Of(endpoint, view.node),
                      -score.Of(other_endpoint, view.node));
  };
  Choice best{.view = &views[0]};
  auto best_likeness = likeness(views[0]);
  for (size_t i = 1; i < views.size(); ++i) {
    const NodeView& view = views[i];
    const auto view_likeness = likeness(view);
    if (view_likeness == best_likeness) {
      best.is_by_time = true;
      best.view = is_better_by_time(view, *best.view) ? &view : best.view;
    } else if (view_likeness > best_likeness) {
      best = {.view = &view};
      best_likeness = view_likeness;
    }
  }
  return best;
}

// Seen again at the same point so much later, a piece was sent again, as by who plays a recording
// of packets in a loop; sooner, it is a packet that came twice.
constexpr int64_t kRepeatedNs = 250'000'000;

// The shortest time, of at least kRepeatedNs, after which one flow had the piece again; nothing
// where none had. The observations are sorted by flow and time.
std::optional<int64_t> ShortestRepeatNs(std::span<const PieceObservation> observations) {
  std::optional<int64_t> shortest_ns;
  for (size_t i = 1; i < observations.size(); ++i) {
    const int64_t later_ns = observations[i].time_ns - observations[i - 1].time_ns;
    if (observations[i].flow == observations[i - 1].flow && later_ns >= kRepeatedNs) {
      shortest_ns = std::min(shortest_ns.value_or(later_ns), later_ns);
    }
  }
  return shortest_ns;
}

bool IsEarlierInFlow(const PieceObservation& a, const PieceObservation& b) {
  return std::tie(a.flow, a.time_ns) < std::tie(b.flow, b.time_ns);
}

// Calls `take` with the begin and end of each time that the piece was sent, among the observations
// of one conversation at one position, which it sorts.
template <typename Take>
void SplitRepeats(std::span<PieceObservation> observations, Take take) {
  const std::optional<int64_t> repeat_ns = ShortestRepeatNs(observations);
  if (!repeat_ns.has_value()) {
    take(0, observations.size());
    return;
  }
  std::sort(observations.begin(), observations.end(),
            [](const PieceObservation& a, const PieceObservation& b) {
              return std::tie(a.time_ns, a.flow) < std::tie(b.time_ns, b.flow);
            });
  for (size_t begin = 0; begin < observations.size();) {
    size_t end = begin + 1;
    while (end < observations.size() &&
           observations[end].time_ns - observations[end - 1].time_ns <= *repeat_ns / 2) {
      ++end;
    }
    std::sort(observations.begin() + begin, observations.begin() + end, IsEarlierInFlow);
    take(begin, end);
    begin = end;
  }
}

MatchPoint PointOf(const PieceObservation& observation) {
  return {.flow = observation.flow, .time_ns = observation.time_ns};
}

void PlaceOnOneNode(const NodeView& view, PiecePassage* passage) {
  passage->source_seen = view.SourceRank() > 0;
  passage->destination_seen = view.DestinationRank() > 0;
  // With one side only, the other points are the same sight again (veth, bridge, uplink).
  const bool spans = passage->source_seen && passage->destination_seen;
  const PieceObservation& outer = passage->destination_seen ? *view.latest : *view.earliest;
  passage->first = PointOf(spans ? *view.earliest : outer);
  passage->last = PointOf(outer);
  passage->first_node = view.node;
  passage->last_node = view.node;
}

void PlaceAcrossNodes(const HomeScore& score, const NodeViews& views, PiecePassage* passage) {
  const Choice first = Choose(
      score, views, passage->source, passage->destination,
      [](const NodeView& view) { return view.SourceRank(); },
      [](const NodeView& a, const NodeView& b) {
        return a.earliest->time_ns < b.earliest->time_ns;
      });
  const Choice last = Choose(
      score, views, passage->destination, passage->source,
      [](const NodeView& view) { return view.DestinationRank(); },
      [](const NodeView& a, const NodeView& b) { return a.latest->time_ns > b.latest->time_ns; });
  const NodeView& source = *first.view;
  const NodeView& destination = *last.view;
  passage->is_placed_by_time = (first.is_by_time && source.at_unknown_side) ||
                               (last.is_by_time && destination.at_unknown_side);
  if (&source == &destination) {
    PlaceOnOneNode(source, passage);
    return;
  }
  passage->first = PointOf(*source.earliest);
  passage->last = PointOf(*destination.latest);
  passage->first_node = source.node;
  passage->last_node = destination.node;
  // Two nodes of which neither looks like an end (capture points of an unknown kind) are taken as
  // the ends; a node that the audio only passes through is not when the real end is missing.
  passage->source_seen = source.SourceRank() > 0 || destination.DestinationRank() == 0;
  passage->destination_seen = destination.DestinationRank() > 0 || source.SourceRank() == 0;
  if (!passage->source_seen) {
    passage->first = passage->last;
    passage->first_node = passage->last_node;
  } else if (!passage->destination_seen) {
    passage->last = passage->first;
    passage->last_node = passage->first_node;
  }
}

PiecePassage MakePassage(const HomeScore& score, const std::vector<PieceObservation>& observations,
                         uint32_t begin, uint32_t end) {
  const PieceObservation& front = observations[begin];
  PiecePassage passage;
  passage.conversation = front.record->conversation;
  passage.position = front.position;
  passage.serial_position = front.record->is_rtp ? front.position << 16 : front.position;
  passage.source = front.record->source;
  passage.destination = front.record->destination;
  passage.begin = begin;
  passage.end = end;
  passage.oldest_sequence = front.sequence;
  NodeViews views;
  for (uint32_t i = begin; i < end; ++i) {
    const PieceObservation& observation = observations[i];
    // Seen again at the same point (a duplicated packet): the earliest counts.
    if (i == begin || observations[i - 1].flow != observation.flow) {
      auto view = std::find_if(views.begin(), views.end(), [&](const NodeView& candidate) {
        return candidate.node == observation.record->node;
      });
      if (view == views.end()) {
        view = views.insert(views.end(), NodeView{.node = observation.record->node});
      }
      view->Add(observation);
    }
    passage.oldest_sequence = std::min(passage.oldest_sequence, observation.sequence);
    passage.is_fresh |= (observation.flags & kLogDecided) == 0;
    passage.transit_reported |= (observation.flags & kLogTransitReported) != 0;
    passage.collided |= (observation.flags & kLogCollided) != 0;
    if ((observation.flags & kLogLinked) != 0) {
      passage.linked = true;
      passage.link = observation.link;
      passage.decision =
          (observation.flags & kLogLinkedByLock) != 0 ? Decision::kLock : Decision::kUnique;
    }
  }
  if (views.size() == 1) {
    PlaceOnOneNode(views[0], &passage);
  } else {
    PlaceAcrossNodes(score, views, &passage);
  }
  return passage;
}

}  // namespace

void BuildPassages(const FlowRegistry& flows, const EndpointHomes& homes,
                   std::vector<PieceObservation>* observations,
                   std::vector<PiecePassage>* passages) {
  const HomeScore score(flows, homes);
  std::sort(observations->begin(), observations->end(),
            [](const PieceObservation& a, const PieceObservation& b) {
              return std::tie(a.record->conversation, a.position, a.flow, a.time_ns) <
                     std::tie(b.record->conversation, b.position, b.flow, b.time_ns);
            });
  const std::span<PieceObservation> all(*observations);
  for (size_t begin = 0; begin < all.size();) {
    size_t end = begin + 1;
    while (end < all.size() && all[end].record->conversation == all[begin].record->conversation &&
           all[end].position == all[begin].position) {
      ++end;
    }
    SplitRepeats(all.subspan(begin, end - begin), [&](size_t from, size_t to) {
      passages->push_back(MakePassage(score, *observations, static_cast<uint32_t>(begin + from),
                                      static_cast<uint32_t>(begin + to)));
    });
    begin = end;
  }
}

}  // namespace audio_latency::correlator
