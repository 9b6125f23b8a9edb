// The conversations, what they are called and since when.

#ifndef CORRELATOR_FLOWS_CONVERSATION_TABLE_H_
#define CORRELATOR_FLOWS_CONVERSATION_TABLE_H_

#include <cstdint>
#include <deque>
#include <limits>
#include <memory>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "correlator/flows/conversation_key.h"
#include "correlator/flows/endpoint_table.h"
#include "correlator/flows/name_history.h"

namespace audio_latency::correlator {

// The numbers that stand for a conversation from a time on. Another pod at one of its addresses
// makes it another conversation; a name that came late does not.
struct Naming {
  ConversationId conversation = 0;
  EndpointId source = 0;
  EndpointId destination = 0;
  int64_t since_unix_ns = Resolution::kAlways;
  // The same on the monotonic clock; the least number for kAlways.
  int64_t since_ns = std::numeric_limits<int64_t>::min();
};

struct Conversation {
  ConversationKey key;
  EndContext source;
  EndContext destination;
  // When its first flow was registered, Unix time.
  int64_t begin_unix_ns = 0;
  // Newest first; never empty.
  absl::InlinedVector<Naming, 1> namings;
  // Those that are registered or wait for reuse, and how many are registered.
  absl::InlinedVector<FlowId, 4> flows;
  uint32_t live_flows = 0;
  std::optional<uint32_t> initial_sequence;
  // Of a conversation with a service's address: the one with the pod's that it is the same as.
  Conversation* joined_to = nullptr;
  // The other way.
  absl::InlinedVector<Conversation*, 1> joined;
  // ServiceJoin's: it was noted.
  bool is_noted = false;

  // What its flows are called by.
  const absl::InlinedVector<Naming, 1>& EffectiveNamings() const {
    return joined_to == nullptr ? namings : joined_to->namings;
  }
};

// Not thread-safe.
class ConversationTable {
 public:
  // `endpoints` must outlive the table.
  explicit ConversationTable(EndpointTable* endpoints) : endpoints_(*endpoints) {}

  // nullptr: there is none.
  Conversation* Find(const ConversationKey& key) const;
  // nullptr: there is no room for its endpoints.
  Conversation* Create(const ConversationKey& key, const NamedEnds& ends, int64_t unix_time_ns);
  // It must be joined with none.
  void Erase(Conversation* conversation, int64_t monotonic_ns);

  // Whether the history tells anything new.
  bool IsNamed(const Conversation& conversation, const NameHistory& history) const;
  // Names the conversation so. False: there is no room for its endpoints, and nothing changed.
  bool Rename(Conversation* conversation, const NameHistory& history,
              int64_t unix_minus_monotonic_ns, int64_t monotonic_ns);
  // Makes the numbers free that went out of use, by Erase or Rename, twice kFlowQuarantineNs ago.
  void ReleaseNumbers(int64_t monotonic_ns);

  std::vector<ConversationKey> Keys() const;

 private:
  struct Retired {
    int64_t monotonic_ns = 0;
    ConversationId conversation = 0;
  };

  ConversationId TakeNumber();
  void Leave(const Naming& naming, int64_t monotonic_ns);

  EndpointTable& endpoints_;
  absl::flat_hash_map<ConversationKey, std::unique_ptr<Conversation>> conversations_;
  std::vector<ConversationId> free_;
  ConversationId next_ = 0;
  std::deque<Retired> retired_;
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_FLOWS_CONVERSATION_TABLE_H_
