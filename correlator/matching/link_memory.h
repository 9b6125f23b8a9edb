// What matching has learnt about which conversation continues which.

#ifndef CORRELATOR_MATCHING_LINK_MEMORY_H_
#define CORRELATOR_MATCHING_LINK_MEMORY_H_

#include <array>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "correlator/flows/flow_registry.h"
#include "correlator/matching/stream_order.h"

namespace audio_latency::correlator {

struct LinkOptions {
  // A piece's delay in a locked pair may differ from the typical one by this before it must be
  // unique to be believed; also how far pieces of a pair may overtake each other.
  int64_t tolerance_ns = 250'000'000;
  // How long a lock holds without use, and how long other evidence is remembered.
  int64_t memory_ns = 10'000'000'000;
  // Unique links in a row, without a hint to the contrary, that lock a pair…
  uint32_t links_to_lock = 8;
  // …and where the same audio also went elsewhere lately, so that chance (lost events of identical
  // calls) could have made them look unique.
  uint32_t contended_links_to_lock = 24;
};

// One candidate of a link: X entered an endpoint, Y left it.
struct LinkCandidate {
  ConversationId from = 0;  // X's
  ConversationId to = 0;    // Y's
  int64_t entered_ns = 0;
  int64_t left_ns = 0;
  // As StreamStep has them.
  uint32_t entered_position = 0;
  uint32_t left_position = 0;

  int64_t delay_ns() const { return left_ns - entered_ns; }
};

// Per conversation; bounded by the number of conversations, and for each that is locked at most
// StreamOrder::kMaxBytes more. Not thread-safe.
//
// Why a lone unique link is not believed: two calls that play one prompt at the same time look like
// one whenever a passage of each is lost, and rightly paired as often as wrongly. Only a run of
// links that nothing contradicts tells (a false run of n has the probability of n such losses).
class LinkMemory {
 public:
  explicit LinkMemory(const LinkOptions& options) : options_(options) {}

  static constexpr ConversationId kNobody = std::numeric_limits<ConversationId>::max();

  // The conversation that `to` is locked to at that time, or kNobody.
  ConversationId OwnerOf(ConversationId to, int64_t now_ns) const;
  // Typical delay of the lock of `to`.
  int64_t TypicalDelayNs(ConversationId to) const { return states_[to].typical_delay_ns; }
  // False when the piece would have overtaken others of its locked pair, by more than the tolerance
  // and in the streams too, as a repeated piece of audio does that was taken for its earlier self.
  bool KeepsOrder(const LinkCandidate& link) const;
  // A link of the locked pair was accepted. `is_unique`: it was so without the lock.
  void Use(const LinkCandidate& link, bool is_unique);

  // A unique link of a pair that is not locked. True when the pair is locked now.
  bool AddEvidence(const LinkCandidate& link);
  // A unique link to a conversation that is locked to another. Many in a row end that lock.
  void AddForeignEvidence(const LinkCandidate& link);
  // `to` could have come from any of several at that time.
  void NoteContention(ConversationId to, std::span<const ConversationId> from, int64_t now_ns);
  // The pair is a candidate. `is_onward`: it is no reflection. `beside_echo`: nor does it speak
  // against reflections, for there is an echo of the same audio.
  void NoteCandidate(const LinkCandidate& link, bool is_onward, bool beside_echo);
  // Whether the conversation had a candidate, in either role, that spoke against reflections.
  bool GoesOnward(ConversationId conversation, int64_t now_ns) const;
  // Whether `to` could have come from another endpoint than the one that it goes to.
  bool CameFromOthers(ConversationId to, int64_t now_ns) const;
  // The pair is a reflection, and no other way could have led to it: an echo.
  void NoteEcho(const LinkCandidate& link);
  bool Echoes(ConversationId from, ConversationId to, int64_t now_ns) const;

  uint64_t CountLocks(int64_t now_ns) const;
  // Nothing that left before `oldest_ns` will be asked of again: gives back the memory of locks
  // that have ended for all that may still come.
  void Forget(int64_t oldest_ns);

 private:
  static constexpr int64_t kNever = std::numeric_limits<int64_t>::min() / 2;
  static constexpr size_t kRecentDelays = 5;

  // A run of unique links from one conversation.
  struct Run {
    ConversationId from = kNobody;
    uint32_t length = 0;
    int64_t entered_ns = kNever;
    int64_t left_ns = kNever;
  };
  struct State {
    // As the conversation that leaves an endpoint.
    ConversationId owner = kNobody;
    uint32_t delay_count = 0;
    std::array<int64_t, kRecentDelays> delays_ns = {};
    int64_t typical_delay_ns = 0;
    int64_t last_use_ns = kNever;
    int64_t newest_entered_ns = kNever;
    int64_t newest_left_ns = kNever;
    StreamOrder stream_order;
    Run run;
    Run foreign;
    int64_t contended_ns = kNever;
    int64_t came_from_others_ns = kNever;
    // As the conversation that enters an endpoint: the two that it lately went on to.
    int64_t spread_ns = kNever;
    std::array<ConversationId, 2> onward_to = {kNobody, kNobody};
    std::array<int64_t, 2> onward_to_ns = {kNever, kNever};
    // As either.
    int64_t onward_ns = kNever;
    int64_t echo_ns = kNever;
  };

  State& StateOf(ConversationId conversation);
  bool IsRecent(int64_t then_ns, int64_t now_ns) const {
    return now_ns - then_ns <= options_.memory_ns;
  }
  // Whether the link fits behind (or, reported late, before) the newest of its pair.
  bool IsInOrder(const LinkCandidate& link, int64_t newest_entered_ns,
                 int64_t newest_left_ns) const;
  // Adds to the run or starts it anew; the length it has then.
  uint32_t Extend(Run* run, const LinkCandidate& link) const;
  void Lock(State* state, const LinkCandidate& link);
  void AddDelay(State* state, int64_t delay_ns);
  bool GoesToOthers(const State& from, ConversationId to, int64_t now_ns) const;

  const LinkOptions options_;
  std::vector<State> states_;
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_MATCHING_LINK_MEMORY_H_
