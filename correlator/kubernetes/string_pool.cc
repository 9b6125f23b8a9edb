#include "correlator/kubernetes/string_pool.h"

namespace audio_latency::correlator {
namespace {

// Beyond what std::string holds within itself.
size_t HeapBytes(const std::string& text) {
  static const size_t kWithin = std::string().capacity();
  return text.capacity() > kWithin ? text.capacity() + 1 : 0;
}

}  // namespace

StringPool::StringPool() : index_(0, Hash{&entries_}, Equal{&entries_}) {
  entries_.Allocate();  // kEmpty
}

uint32_t StringPool::Acquire(std::string_view text) {
  if (text.empty()) {
    return kEmpty;
  }
  if (const auto found = index_.find(text); found != index_.end()) {
    ++entries_[*found].users;
    return *found;
  }
  const uint32_t number = entries_.Allocate();
  Entry& entry = entries_[number];
  entry.text = std::string(text);
  entry.users = 1;
  text_bytes_ += HeapBytes(entry.text);
  index_.insert(number);
  return number;
}

void StringPool::Release(uint32_t number) {
  if (number == kEmpty || --entries_[number].users > 0) {
    return;
  }
  index_.erase(number);
  text_bytes_ -= HeapBytes(entries_[number].text);
  entries_.Free(number);
}

size_t StringPool::bytes() const { return entries_.bytes() + text_bytes_ + HashTableBytes(index_); }

}  // namespace audio_latency::correlator
