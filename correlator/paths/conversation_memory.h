// What is known of each conversation's place on the paths.

#ifndef CORRELATOR_PATHS_CONVERSATION_MEMORY_H_
#define CORRELATOR_PATHS_CONVERSATION_MEMORY_H_

#include <cstdint>
#include <vector>

#include "correlator/flows/flow_registry.h"

namespace audio_latency::correlator {

// Per conversation; bounded by the number of conversations. Not thread-safe.
class ConversationMemory {
 public:
  struct Conversation {
    // When matching first told of it, and last.
    int64_t first_seen_ns = -1;
    int64_t last_seen_ns = -1;
    // Another conversation continued it, or it another.
    bool has_successor = false;
    bool has_predecessor = false;
  };

  // Notes that the conversation lives. One that was silent for so long is a new one.
  Conversation& Touch(ConversationId conversation, int64_t now_ns);
  const Conversation& operator[](ConversationId conversation) const {
    return conversations_[conversation];
  }

 private:
  std::vector<Conversation> conversations_;
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_PATHS_CONVERSATION_MEMORY_H_
