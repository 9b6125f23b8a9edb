// Decides, for the passages of one signature, which continues which: unique or silent.

#ifndef CORRELATOR_MATCHING_PIECE_DECISION_H_
#define CORRELATOR_MATCHING_PIECE_DECISION_H_

#include <cstdint>
#include <span>
#include <vector>

#include "correlator/matching/link_memory.h"
#include "correlator/matching/matching_reader.h"
#include "correlator/matching/passages.h"

namespace audio_latency::correlator {

struct DecisionOptions {
  // Longest delay between the passages of one piece.
  int64_t window_ns = 10'000'000'000;
  // Where two passages are compared on different nodes' clocks, they may seem this much out of
  // order. (A clock that is worse than this loses links, it does not make false ones.)
  int64_t clock_slack_ns = 2'000'000;
  // Copies of one piece leave an endpoint within this of each other (fan-out).
  int64_t fan_out_ns = 250'000'000;
  LinkOptions link;
};

// Not thread-safe; holds scratch memory only, so that one serves all pieces.
class PieceDecision {
 public:
  PieceDecision(const DecisionOptions& options, LinkMemory* memory, MatchingCounters* counters);

  // Sets predecessor, decision and link_is_new (and collided) of the passages. Predecessors of
  // linked passages must be set. Passages that arrived from `settled_end` on are left for later,
  // but count as candidates.
  void Decide(std::span<PiecePassage> passages, uint64_t settled_end);

 private:
  // X is passages[from], which entered the endpoint that Y, passages[to], left.
  struct Edge {
    uint16_t from = 0;
    uint16_t to = 0;
    bool is_reflection = false;
    // A reflection whose audio came to X from yet another endpoint, or went on from Y to one.
    bool is_relayed = false;
    // The pair is locked.
    bool is_owned = false;
    bool is_struck = false;
    LinkCandidate link;
  };

  void FindEdges(std::span<const PiecePassage> passages);
  void StrikeForeign();
  void StrikeRelayed();
  bool HasEcho();
  void StrikeReflections();
  void DecideLocked(std::span<PiecePassage> passages, std::span<Edge> candidates);
  void DecideUnlocked(std::span<PiecePassage> passages, std::span<Edge> candidates);
  // Whether X goes nowhere but to Y, or to Y among the copies of a fan-out.
  bool LeavesOnlyHere(std::span<const PiecePassage> passages, const Edge& edge);
  // Whether X could also be another passage of Y's conversation, or is linked to one.
  bool HasRivalInConversation(std::span<const PiecePassage> passages, const Edge& edge,
                              bool within_tolerance) const;
  bool RepeatsAtOnce(std::span<const PiecePassage> passages, const Edge& edge) const;
  bool IsWithinTolerance(const Edge& edge) const;
  void Accept(std::span<PiecePassage> passages, const Edge& edge, bool is_unique);
  void Collide(PiecePassage* passage);

  const DecisionOptions options_;
  LinkMemory& memory_;
  MatchingCounters& counters_;
  std::vector<Edge> edges_;  // those of one Y are neighbours
  std::vector<ConversationId> conversations_;
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_MATCHING_PIECE_DECISION_H_
