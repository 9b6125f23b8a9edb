// From the observations of one signature to its passages: what went through one conversation.

#ifndef CORRELATOR_MATCHING_PASSAGES_H_
#define CORRELATOR_MATCHING_PASSAGES_H_

#include <cstdint>
#include <vector>

#include "correlator/flows/flow_registry.h"
#include "correlator/matching/endpoint_homes.h"
#include "correlator/matching/match.h"

namespace audio_latency::correlator {

// An observation of the signature that is being decided.
struct PieceObservation {
  // In the log.
  uint64_t sequence = 0;
  int64_t time_ns = 0;
  FlowId flow = 0;
  uint32_t position = 0;
  // LogFlag bits and link of the entry.
  uint32_t flags = 0;
  uint32_t link = 0;
  const FlowRecord* record = nullptr;
};

// A passage while it is being decided.
struct PiecePassage {
  ConversationId conversation = 0;
  uint32_t position = 0;
  // The same, as StreamStep has it.
  uint32_t serial_position = 0;
  EndpointId source = 0;
  EndpointId destination = 0;
  MatchPoint first;
  MatchPoint last;
  NodeId first_node = 0;
  NodeId last_node = 0;
  bool source_seen = false;
  bool destination_seen = false;
  // Nothing but the order of times by several nodes' clocks told which of them is which end.
  bool is_placed_by_time = false;
  // Its observations: [begin, end) of the sorted ones.
  uint32_t begin = 0;
  uint32_t end = 0;
  // Of the observation that came first.
  uint64_t oldest_sequence = 0;
  // Holds an observation that no decision has seen yet.
  bool is_fresh = false;
  // What earlier decisions said.
  bool transit_reported = false;
  bool linked = false;
  bool collided = false;
  uint32_t link = 0;
  // What this decision says.
  int16_t predecessor = -1;
  Decision decision = Decision::kNone;
  bool link_is_new = false;
  bool is_told = false;
};

// Sorts `observations` and appends the passages in them to `passages`. Observations of one
// conversation at one position are one passage, exactly: a TCP sequence number and an RTP sequence
// number are the same at all points of a conversation. Where one point saw the piece again much
// later (a recording of RTP packets that is played in a loop), each round is a passage of its own.
//
// Within a node the order is that of time (one clock). Across nodes it is that of the way, where
// that is known, so that a delay may come out negative within the clocks' error. Where no direction
// is known, an endpoint's side is taken from its home, so that what goes into it and what comes out
// of it is timed by one clock.
void BuildPassages(const FlowRegistry& flows, const EndpointHomes& homes,
                   std::vector<PieceObservation>* observations,
                   std::vector<PiecePassage>* passages);

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_MATCHING_PASSAGES_H_
