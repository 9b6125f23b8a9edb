#include "correlator/matching/piece_decision.h"

#include <algorithm>
#include <cstdlib>

namespace audio_latency::correlator {

PieceDecision::PieceDecision(const DecisionOptions& options, LinkMemory* memory,
                             MatchingCounters* counters)
    : options_(options), memory_(*memory), counters_(*counters) {}

void PieceDecision::FindEdges(std::span<const PiecePassage> passages) {
  edges_.clear();
  for (size_t to = 0; to < passages.size(); ++to) {
    const PiecePassage& y = passages[to];
    for (size_t from = 0; from < passages.size(); ++from) {
      const PiecePassage& x = passages[from];
      if (x.destination != y.source || x.conversation == y.conversation) {
        continue;
      }
      const LinkCandidate link{.from = x.conversation,
                               .to = y.conversation,
                               .entered_ns = x.last.time_ns,
                               .left_ns = y.first.time_ns,
                               .entered_position = x.serial_position,
                               .left_position = y.serial_position};
      const int64_t least_ns = x.last_node == y.first_node ? 0 : -options_.clock_slack_ns;
      if (link.delay_ns() < least_ns || link.delay_ns() > options_.window_ns) {
        continue;
      }
      edges_.push_back({.from = static_cast<uint16_t>(from),
                        .to = static_cast<uint16_t>(to),
                        .is_reflection = y.destination == x.source,
                        .link = link});
    }
  }
}

void PieceDecision::StrikeForeign() {
  for (Edge& edge : edges_) {
    const ConversationId owner = memory_.OwnerOf(edge.link.to, edge.link.left_ns);
    edge.is_owned = owner == edge.link.from;
    edge.is_struck = owner != LinkMemory::kNobody && !edge.is_owned;
  }
}

// Behind a relay, one who plays the same file as the caller a little later says just what he heard.
// Whether he does or whether he echoes cannot be told, and so it is not: the ways through the relay
// are what remains.
void PieceDecision::StrikeRelayed() {
  for (Edge& edge : edges_) {
    edge.is_relayed =
        edge.is_reflection && (memory_.CameFromOthers(edge.link.from, edge.link.left_ns) ||
                               std::any_of(edges_.begin(), edges_.end(), [&](const Edge& other) {
                                 return !other.is_reflection &&
                                        (other.to == edge.from || other.from == edge.to);
                               }));
    edge.is_struck |= edge.is_relayed;
  }
}

// Whether one of the group's reflections is an echo: locked, known as one, or the only way that the
// audio can have come to leave.
bool PieceDecision::HasEcho() {
  bool has_echo = false;
  for (const Edge& edge : edges_) {
    const LinkCandidate& link = edge.link;
    if (!edge.is_reflection || edge.is_relayed) {
      continue;
    }
    const bool is_only_way = !memory_.CameFromOthers(link.to, link.left_ns) &&
                             std::none_of(edges_.begin(), edges_.end(), [&](const Edge& other) {
                               return !other.is_reflection && other.to == edge.to;
                             });
    if (is_only_way && !edge.is_struck && !memory_.GoesOnward(link.from, link.left_ns)) {
      memory_.NoteEcho(link);
    }
    has_echo |= edge.is_owned || memory_.Echoes(link.from, link.to, link.left_ns);
  }
  return has_echo;
}

void PieceDecision::StrikeReflections() {
  StrikeRelayed();
  const bool has_echo = HasEcho();
  bool has_reflections = false;
  for (const Edge& edge : edges_) {
    memory_.NoteCandidate(edge.link, !edge.is_reflection, has_echo);
    has_reflections |= edge.is_reflection;
  }
  if (has_echo || !has_reflections) {
    return;
  }
  for (Edge& edge : edges_) {
    const LinkCandidate& link = edge.link;
    if (edge.is_reflection) {
      edge.is_struck |=
          memory_.GoesOnward(link.from, link.left_ns) ||
          memory_.GoesOnward(link.to, link.left_ns) ||
          std::any_of(edges_.begin(), edges_.end(), [&](const Edge& other) {
            return !other.is_reflection && (other.from == edge.from || other.to == edge.to);
          });
    }
  }
}

bool PieceDecision::IsWithinTolerance(const Edge& edge) const {
  return std::abs(edge.link.delay_ns() - memory_.TypicalDelayNs(edge.link.to)) <=
         options_.link.tolerance_ns;
}

bool PieceDecision::HasRivalInConversation(std::span<const PiecePassage> passages, const Edge& edge,
                                           bool within_tolerance) const {
  return std::any_of(edges_.begin(), edges_.end(), [&](const Edge& other) {
    if (other.from != edge.from || other.to == edge.to || other.link.to != edge.link.to) {
      return false;
    }
    if (passages[other.to].linked) {
      return passages[other.to].predecessor == static_cast<int16_t>(edge.from);
    }
    return !other.is_struck && (!within_tolerance || IsWithinTolerance(other));
  });
}

// A tone or a concealed gap repeats a piece within the tolerance, where the lock cannot tell the
// copies apart and a lost one would let its neighbour pass for it.
bool PieceDecision::RepeatsAtOnce(std::span<const PiecePassage> passages, const Edge& edge) const {
  const int64_t near_ns = 2 * options_.link.tolerance_ns;
  return std::any_of(passages.begin(), passages.end(), [&](const PiecePassage& passage) {
    const PiecePassage& x = passages[edge.from];
    const PiecePassage& y = passages[edge.to];
    return (passage.conversation == x.conversation && passage.position != x.position &&
            std::abs(passage.last.time_ns - x.last.time_ns) < near_ns) ||
           (passage.conversation == y.conversation && passage.position != y.position &&
            std::abs(passage.first.time_ns - y.first.time_ns) < near_ns);
  });
}

bool PieceDecision::LeavesOnlyHere(std::span<const PiecePassage> passages, const Edge& edge) {
  bool is_alone = true;
  for (const Edge& other : edges_) {
    if (other.from != edge.from || other.to == edge.to) {
      continue;
    }
    const PiecePassage& copy = passages[other.to];
    if (copy.linked ? copy.predecessor != static_cast<int16_t>(edge.from) : other.is_struck) {
      continue;
    }
    const PiecePassage& y = passages[edge.to];
    if (copy.destination != y.destination &&
        std::abs(copy.first.time_ns - y.first.time_ns) <= options_.fan_out_ns) {
      continue;
    }
    is_alone = false;
    // The same audio of one conversation again says nothing about who continues whom.
    if (other.link.to != edge.link.to) {
      memory_.NoteContention(other.link.to, {&edge.link.from, 1}, edge.link.left_ns);
      memory_.NoteContention(edge.link.to, {&edge.link.from, 1}, edge.link.left_ns);
    }
  }
  return is_alone;
}

void PieceDecision::Collide(PiecePassage* passage) {
  if (!passage->collided) {
    passage->collided = true;
    ++counters_.collisions;
  }
}

void PieceDecision::Accept(std::span<PiecePassage> passages, const Edge& edge, bool is_unique) {
  // Within the clocks' slack two passages could each precede the other; a way has no circles.
  for (int16_t i = static_cast<int16_t>(edge.from); i >= 0;
       i = passages[static_cast<size_t>(i)].predecessor) {
    if (i == static_cast<int16_t>(edge.to)) {
      Collide(&passages[edge.to]);
      return;
    }
  }
  PiecePassage& y = passages[edge.to];
  y.predecessor = static_cast<int16_t>(edge.from);
  y.decision = is_unique ? Decision::kUnique : Decision::kLock;
  y.linked = true;
  y.link_is_new = true;
  ++(is_unique ? counters_.unique_links : counters_.lock_links);
}

void PieceDecision::DecideLocked(std::span<PiecePassage> passages, std::span<Edge> candidates) {
  PiecePassage& y = passages[candidates.front().to];
  const Edge* chosen = nullptr;
  size_t count = 0;
  size_t near_count = 0;
  for (const Edge& edge : candidates) {
    if (edge.is_struck) {
      continue;
    }
    ++count;
    const bool is_near = IsWithinTolerance(edge);
    near_count += is_near;
    if (is_near || near_count == 0) {
      chosen = &edge;
    }
  }
  if (count == 0) {
    // All that could have been its origin belongs to others, or its own origin was lost.
    Collide(&y);
    if (candidates.size() == 1 && LeavesOnlyHere(passages, candidates.front())) {
      memory_.AddForeignEvidence(candidates.front().link);
    }
    return;
  }
  const bool is_near = near_count == 1;
  if ((!is_near && (near_count > 1 || count > 1)) ||
      HasRivalInConversation(passages, *chosen, /*within_tolerance=*/is_near) ||
      RepeatsAtOnce(passages, *chosen) || !memory_.KeepsOrder(chosen->link)) {
    Collide(&y);
    return;
  }
  const bool is_unique =
      candidates.size() == 1 && !HasRivalInConversation(passages, *chosen, false);
  Accept(passages, *chosen, is_unique);
  if (y.link_is_new) {
    memory_.Use(chosen->link, is_unique);
  }
}

void PieceDecision::DecideUnlocked(std::span<PiecePassage> passages, std::span<Edge> candidates) {
  PiecePassage& y = passages[candidates.front().to];
  conversations_.clear();
  const Edge* chosen = nullptr;
  size_t count = 0;
  for (const Edge& edge : candidates) {
    if (!edge.is_struck) {
      ++count;
      chosen = &edge;
      if (std::find(conversations_.begin(), conversations_.end(), edge.link.from) ==
          conversations_.end()) {
        conversations_.push_back(edge.link.from);
      }
    }
  }
  if (count == 0) {
    return;  // reflections only, of a conversation that goes onward otherwise: no candidates
  }
  if (conversations_.size() > 1) {
    memory_.NoteContention(y.conversation, conversations_, y.first.time_ns);
  }
  if (count > 1 || !LeavesOnlyHere(passages, *chosen)) {
    Collide(&y);
    return;
  }
  if (memory_.AddEvidence(chosen->link)) {
    Accept(passages, *chosen, /*is_unique=*/true);
  } else {
    ++counters_.unconfirmed;
  }
}

void PieceDecision::Decide(std::span<PiecePassage> passages, uint64_t settled_end) {
  if (passages.size() < 2) {
    return;
  }
  FindEdges(passages);
  if (edges_.empty()) {
    return;
  }
  StrikeForeign();
  StrikeReflections();
  for (size_t begin = 0; begin < edges_.size();) {
    size_t end = begin;
    bool is_fresh = false;
    while (end < edges_.size() && edges_[end].to == edges_[begin].to) {
      is_fresh |= passages[edges_[end].from].is_fresh;
      ++end;
    }
    const PiecePassage& y = passages[edges_[begin].to];
    if (!y.linked && (y.is_fresh || is_fresh) && y.oldest_sequence < settled_end) {
      const std::span<Edge> candidates(edges_.data() + begin, end - begin);
      const bool is_locked =
          memory_.OwnerOf(y.conversation, y.first.time_ns) != LinkMemory::kNobody;
      is_locked ? DecideLocked(passages, candidates) : DecideUnlocked(passages, candidates);
    }
    begin = end;
  }
}

}  // namespace audio_latency::correlator
