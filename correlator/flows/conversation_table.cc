#include "correlator/flows/conversation_table.h"

#include <algorithm>
#include <utility>

namespace audio_latency::correlator {
namespace {

// For the quarantine events may come that are from before the number went out of use, and be named
// for as long.
constexpr int64_t kNumberQuarantineNs = 2 * kFlowQuarantineNs;

}  // namespace

Conversation* ConversationTable::Find(const ConversationKey& key) const {
  const auto found = conversations_.find(key);
  return found == conversations_.end() ? nullptr : found->second.get();
}

ConversationId ConversationTable::TakeNumber() {
  if (free_.empty()) {
    return next_++;
  }
  const ConversationId number = free_.back();
  free_.pop_back();
  return number;
}

Conversation* ConversationTable::Create(const ConversationKey& key, const NamedEnds& ends,
                                        int64_t unix_time_ns) {
  const auto numbers = endpoints_.Intern(ends.source, ends.destination);
  if (!numbers.has_value()) {
    return nullptr;
  }
  auto conversation = std::make_unique<Conversation>();
  conversation->key = key;
  conversation->begin_unix_ns = unix_time_ns;
  conversation->namings.push_back(
      {.conversation = TakeNumber(), .source = numbers->first, .destination = numbers->second});
  return conversations_.insert_or_assign(key, std::move(conversation)).first->second.get();
}

void ConversationTable::Leave(const Naming& naming, int64_t monotonic_ns) {
  endpoints_.Leave(naming.source, monotonic_ns);
  endpoints_.Leave(naming.destination, monotonic_ns);
}

void ConversationTable::Erase(Conversation* conversation, int64_t monotonic_ns) {
  for (const Naming& naming : conversation->namings) {
    Leave(naming, monotonic_ns);
    // Flows of a service's conversation that was joined with it may have been called by it until
    // now, so their matches name it for the quarantine.
    retired_.push_back({.monotonic_ns = monotonic_ns, .conversation = naming.conversation});
  }
  const ConversationKey key = conversation->key;
  conversations_.erase(key);
}

bool ConversationTable::IsNamed(const Conversation& conversation,
                                const NameHistory& history) const {
  return std::equal(conversation.namings.begin(), conversation.namings.end(), history.begin(),
                    history.end(), [this](const Naming& naming, const NamedEnds& ends) {
                      return naming.since_unix_ns == ends.since_unix_ns &&
                             IsSameEndpoint(endpoints_[naming.source], ends.source) &&
                             IsSameEndpoint(endpoints_[naming.destination], ends.destination);
                    });
}

bool ConversationTable::Rename(Conversation* conversation, const NameHistory& history,
                               int64_t unix_minus_monotonic_ns, int64_t monotonic_ns) {
  absl::InlinedVector<Naming, 1> namings;
  for (const NamedEnds& ends : history) {
    const auto numbers = endpoints_.Intern(ends.source, ends.destination);
    if (!numbers.has_value()) {
      for (const Naming& naming : namings) {
        Leave(naming, monotonic_ns);
      }
      return false;
    }
    Naming& naming = namings.emplace_back();
    naming.source = numbers->first;
    naming.destination = numbers->second;
    if (ends.since_unix_ns != Resolution::kAlways) {
      naming.since_unix_ns = ends.since_unix_ns;
      naming.since_ns = ends.since_unix_ns - unix_minus_monotonic_ns;
    }
  }
  // Who is there when a conversation begins is the same one under another name.
  std::vector<bool> has_number(namings.size(), false);
  for (const Naming& old : conversation->namings) {
    const int64_t begin_ns = std::max(old.since_unix_ns, conversation->begin_unix_ns);
    const auto heir = std::find_if(namings.begin(), namings.end(), [&](const Naming& naming) {
      return naming.since_unix_ns <= begin_ns;
    });
    const size_t index = static_cast<size_t>(heir - namings.begin());
    if (has_number[index]) {
      retired_.push_back({.monotonic_ns = monotonic_ns, .conversation = old.conversation});
    } else {
      heir->conversation = old.conversation;
      has_number[index] = true;
    }
    Leave(old, monotonic_ns);
  }
  for (size_t i = 0; i < namings.size(); ++i) {
    if (!has_number[i]) {
      namings[i].conversation = TakeNumber();
    }
  }
  conversation->namings = std::move(namings);
  return true;
}

void ConversationTable::ReleaseNumbers(int64_t monotonic_ns) {
  while (!retired_.empty() && monotonic_ns - retired_.front().monotonic_ns >= kNumberQuarantineNs) {
    free_.push_back(retired_.front().conversation);
    retired_.pop_front();
  }
}

std::vector<ConversationKey> ConversationTable::Keys() const {
  std::vector<ConversationKey> keys;
  keys.reserve(conversations_.size());
  for (const auto& [key, conversation] : conversations_) {
    keys.push_back(key);
  }
  return keys;
}

}  // namespace audio_latency::correlator
