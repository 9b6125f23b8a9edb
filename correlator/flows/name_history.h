// Who was at the ends of a conversation, and when.

#ifndef CORRELATOR_FLOWS_NAME_HISTORY_H_
#define CORRELATOR_FLOWS_NAME_HISTORY_H_

#include <cstdint>

#include "absl/container/inlined_vector.h"
#include "correlator/endpoints/endpoint_directory.h"
#include "correlator/flows/conversation_key.h"

namespace audio_latency::correlator {

// How the directory is asked for one end of a conversation.
struct EndContext {
  ContainerHint container;
  std::string observing_node;
};

// From a time on, until that of the next.
struct NamedEnds {
  Endpoint source;
  Endpoint destination;
  int64_t since_unix_ns = Resolution::kAlways;
};

// Newest first; the oldest is there for all times before, too. Never empty.
using NameHistory = absl::InlinedVector<NamedEnds, 1>;

// What is told of times longer ago than this no event asks for any more.
inline constexpr int64_t kNamesRememberedNs = kFlowQuarantineNs;
// Should an address change hands more often within that time, the oldest are not told apart.
inline constexpr size_t kMaxNames = 8;

// The ends of the conversation up to `unix_time_ns`.
NameHistory ResolveNames(const EndpointDirectory& directory, const ConversationKey& key,
                         const EndContext& source, const EndContext& destination,
                         int64_t unix_time_ns);

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_FLOWS_NAME_HISTORY_H_
