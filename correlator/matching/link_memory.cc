#include "correlator/matching/link_memory.h"

#include <algorithm>

namespace audio_latency::correlator {
namespace {

StreamStep StepOf(const LinkCandidate& link) {
  return {.entered_position = link.entered_position,
          .left_position = link.left_position,
          .entered_ns = link.entered_ns,
          .left_ns = link.left_ns};
}

}  // namespace

LinkMemory::State& LinkMemory::StateOf(ConversationId conversation) {
  if (conversation >= states_.size()) {
    states_.resize(std::max<size_t>(conversation + 1, states_.size() * 2));
  }
  return states_[conversation];
}

ConversationId LinkMemory::OwnerOf(ConversationId to, int64_t now_ns) const {
  if (to >= states_.size()) {
    return kNobody;
  }
  const State& state = states_[to];
  return IsRecent(state.last_use_ns, now_ns) ? state.owner : kNobody;
}

bool LinkMemory::IsInOrder(const LinkCandidate& link, int64_t newest_entered_ns,
                           int64_t newest_left_ns) const {
  const int64_t ahead_ns = link.left_ns - newest_left_ns;
  if (ahead_ns >= 0) {
    return link.entered_ns >= newest_entered_ns - options_.tolerance_ns;
  }
  // Reported late: it may have entered as much earlier as it left earlier.
  return link.entered_ns <= newest_entered_ns + options_.tolerance_ns &&
         link.entered_ns >= newest_entered_ns + ahead_ns - options_.tolerance_ns;
}

bool LinkMemory::KeepsOrder(const LinkCandidate& link) const {
  const State& state = states_[link.to];
  return state.newest_left_ns == kNever ||
         IsInOrder(link, state.newest_entered_ns, state.newest_left_ns) ||
         state.stream_order.Keeps(StepOf(link));
}

void LinkMemory::AddDelay(State* state, int64_t delay_ns) {
  state->delays_ns[state->delay_count % kRecentDelays] = delay_ns;
  ++state->delay_count;
  const size_t count = std::min<size_t>(state->delay_count, kRecentDelays);
  std::array<int64_t, kRecentDelays> sorted = state->delays_ns;
  std::nth_element(sorted.begin(), sorted.begin() + count / 2, sorted.begin() + count);
  state->typical_delay_ns = sorted[count / 2];
}

void LinkMemory::Use(const LinkCandidate& link, bool is_unique) {
  State& state = StateOf(link.to);
  state.last_use_ns = std::max(state.last_use_ns, link.left_ns);
  state.newest_entered_ns = std::max(state.newest_entered_ns, link.entered_ns);
  state.newest_left_ns = std::max(state.newest_left_ns, link.left_ns);
  state.foreign.length = 0;
  state.stream_order.Add(StepOf(link));
  // What the lock itself decided must not move the lock.
  if (is_unique) {
    AddDelay(&state, link.delay_ns());
  }
}

void LinkMemory::Lock(State* state, const LinkCandidate& link) {
  state->owner = link.from;
  state->delay_count = 0;
  state->newest_entered_ns = kNever;
  state->newest_left_ns = kNever;
  state->stream_order.Clear();
  state->run.length = 0;
  state->foreign.length = 0;
  Use(link, /*is_unique=*/true);
}

uint32_t LinkMemory::Extend(Run* run, const LinkCandidate& link) const {
  const bool continues = run->from == link.from && run->length > 0 &&
                         IsRecent(run->left_ns, link.left_ns) &&
                         IsInOrder(link, run->entered_ns, run->left_ns);
  if (!continues) {
    *run = {.from = link.from};
  }
  run->entered_ns = std::max(run->entered_ns, link.entered_ns);
  run->left_ns = std::max(run->left_ns, link.left_ns);
  return ++run->length;
}

bool LinkMemory::GoesToOthers(const State& from, ConversationId to, int64_t now_ns) const {
  for (size_t i = 0; i < from.onward_to.size(); ++i) {
    if (from.onward_to[i] != kNobody && from.onward_to[i] != to &&
        IsRecent(from.onward_to_ns[i], now_ns)) {
      return true;
    }
  }
  return false;
}

bool LinkMemory::AddEvidence(const LinkCandidate& link) {
  StateOf(std::max(link.from, link.to));
  State& to = states_[link.to];
  const State& from = states_[link.from];
  if (to.run.length > 0 && to.run.from != link.from && IsRecent(to.run.left_ns, link.left_ns)) {
    to.contended_ns = std::max(to.contended_ns, link.left_ns);
  }
  const uint32_t length = Extend(&to.run, link);
  const bool is_contended = IsRecent(to.contended_ns, link.left_ns) ||
                            IsRecent(from.spread_ns, link.left_ns) ||
                            GoesToOthers(from, link.to, link.left_ns);
  if (length < (is_contended ? options_.contended_links_to_lock : options_.links_to_lock)) {
    return false;
  }
  Lock(&to, link);
  return true;
}

void LinkMemory::AddForeignEvidence(const LinkCandidate& link) {
  State& to = StateOf(link.to);
  if (Extend(&to.foreign, link) >= options_.contended_links_to_lock) {
    Lock(&to, link);
  }
}

void LinkMemory::NoteContention(ConversationId to, std::span<const ConversationId> from,
                                int64_t now_ns) {
  State& state = StateOf(to);
  state.contended_ns = std::max(state.contended_ns, now_ns);
  state.run.length = 0;
  for (const ConversationId conversation : from) {
    State& from_state = StateOf(conversation);
    from_state.spread_ns = std::max(from_state.spread_ns, now_ns);
  }
}

void LinkMemory::NoteCandidate(const LinkCandidate& link, bool is_onward, bool beside_echo) {
  StateOf(std::max(link.from, link.to));
  State& from = states_[link.from];
  State& to = states_[link.to];
  if (is_onward) {
    to.came_from_others_ns = std::max(to.came_from_others_ns, link.left_ns);
  }
  if (is_onward && !beside_echo) {
    from.onward_ns = std::max(from.onward_ns, link.left_ns);
    to.onward_ns = std::max(to.onward_ns, link.left_ns);
  }
  const size_t slot = from.onward_to[0] == link.to                  ? 0
                      : from.onward_to[1] == link.to                ? 1
                      : from.onward_to_ns[0] < from.onward_to_ns[1] ? 0
                                                                    : 1;
  from.onward_to[slot] = link.to;
  from.onward_to_ns[slot] = std::max(from.onward_to_ns[slot], link.left_ns);
}

bool LinkMemory::GoesOnward(ConversationId conversation, int64_t now_ns) const {
  return conversation < states_.size() && IsRecent(states_[conversation].onward_ns, now_ns);
}

bool LinkMemory::CameFromOthers(ConversationId to, int64_t now_ns) const {
  return to < states_.size() && IsRecent(states_[to].came_from_others_ns, now_ns);
}

void LinkMemory::NoteEcho(const LinkCandidate& link) {
  StateOf(std::max(link.from, link.to));
  for (const ConversationId conversation : {link.from, link.to}) {
    int64_t& echo_ns = states_[conversation].echo_ns;
    echo_ns = std::max(echo_ns, link.left_ns);
  }
}

bool LinkMemory::Echoes(ConversationId from, ConversationId to, int64_t now_ns) const {
  const auto is_recent = [&](ConversationId conversation) {
    return conversation < states_.size() && IsRecent(states_[conversation].echo_ns, now_ns);
  };
  return is_recent(from) || is_recent(to);
}

uint64_t LinkMemory::CountLocks(int64_t now_ns) const {
  return static_cast<uint64_t>(
      std::count_if(states_.begin(), states_.end(), [&](const State& state) {
        return state.owner != kNobody && IsRecent(state.last_use_ns, now_ns);
      }));
}

void LinkMemory::Forget(int64_t oldest_ns) {
  for (State& state : states_) {
    if (!IsRecent(state.last_use_ns, oldest_ns)) {
      state.stream_order.Clear();
    }
  }
}

}  // namespace audio_latency::correlator
