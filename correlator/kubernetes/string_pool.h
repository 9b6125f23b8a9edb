// Texts that many records share, each kept once.

#ifndef CORRELATOR_KUBERNETES_STRING_POOL_H_
#define CORRELATOR_KUBERNETES_STRING_POOL_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_set.h"
#include "absl/hash/hash.h"
#include "correlator/kubernetes/record_pool.h"

namespace audio_latency::correlator {

// Counts who uses a text; one that nobody does is forgotten. Not thread-safe.
class StringPool {
 public:
  // Of the empty text, which takes no place and is never forgotten.
  static constexpr uint32_t kEmpty = 0;

  StringPool();
  StringPool(const StringPool&) = delete;
  StringPool& operator=(const StringPool&) = delete;

  // The number of `text`, with one more user.
  uint32_t Acquire(std::string_view text);
  // One user less.
  void Release(uint32_t number);
  const std::string& At(uint32_t number) const { return entries_[number].text; }
  // What is allocated for texts and index.
  size_t bytes() const;

 private:
  struct Entry {
    std::string text;
    uint32_t users = 0;
  };
  // The index holds numbers, and looks the texts up.
  struct Hash {
    using is_transparent = void;
    const RecordPool<Entry>* entries;
    size_t operator()(std::string_view text) const { return absl::HashOf(text); }
    size_t operator()(uint32_t number) const {
      return absl::HashOf(std::string_view((*entries)[number].text));
    }
  };
  struct Equal {
    using is_transparent = void;
    const RecordPool<Entry>* entries;
    bool operator()(uint32_t a, uint32_t b) const { return a == b; }
    bool operator()(uint32_t number, std::string_view text) const {
      return (*entries)[number].text == text;
    }
    bool operator()(std::string_view text, uint32_t number) const {
      return (*entries)[number].text == text;
    }
  };

  RecordPool<Entry> entries_;
  absl::flat_hash_set<uint32_t, Hash, Equal> index_;
  size_t text_bytes_ = 0;
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_KUBERNETES_STRING_POOL_H_
