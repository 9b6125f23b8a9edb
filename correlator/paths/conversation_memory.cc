#include "correlator/paths/conversation_memory.h"

#include <algorithm>

namespace audio_latency::correlator {

ConversationMemory::Conversation& ConversationMemory::Touch(ConversationId conversation,
                                                            int64_t now_ns) {
  if (conversation >= conversations_.size()) {
    conversations_.resize(std::max<size_t>(conversation + 1, conversations_.size() * 2));
  }
  Conversation& known = conversations_[conversation];
  // Numbers are used again only after this.
  if (known.last_seen_ns < 0 || now_ns - known.last_seen_ns >= kFlowQuarantineNs) {
    known = {.first_seen_ns = now_ns};
  }
  known.last_seen_ns = now_ns;
  return known;
}

}  // namespace audio_latency::correlator
