// Records that are named by small numbers and keep their place: no pointers, no waste by doubling.

#ifndef CORRELATOR_KUBERNETES_RECORD_POOL_H_
#define CORRELATOR_KUBERNETES_RECORD_POOL_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace audio_latency::correlator {

// Numbers are given out again once they are freed. Chunks that were needed once stay. Not
// thread-safe.
template <typename Record>
class RecordPool {
 public:
  // Never the number of a record.
  static constexpr uint32_t kNone = ~uint32_t{0};

  // The number of a new record, as Record() makes it.
  uint32_t Allocate() {
    ++used_;
    if (!free_.empty()) {
      const uint32_t number = free_.back();
      free_.pop_back();
      return number;
    }
    if (end_ == chunks_.size() * kChunk) {
      chunks_.push_back(std::make_unique<Chunk>());
    }
    return end_++;
  }
  void Free(uint32_t number) {
    (*this)[number] = Record();
    free_.push_back(number);
    --used_;
  }

  Record& operator[](uint32_t number) { return (*chunks_[number / kChunk])[number % kChunk]; }
  const Record& operator[](uint32_t number) const {
    return (*chunks_[number / kChunk])[number % kChunk];
  }
  size_t size() const { return used_; }
  size_t bytes() const {
    return chunks_.size() * sizeof(Chunk) + chunks_.capacity() * sizeof(chunks_[0]) +
           free_.capacity() * sizeof(free_[0]);
  }

 private:
  static constexpr uint32_t kChunk = 256;
  using Chunk = std::array<Record, kChunk>;

  std::vector<std::unique_ptr<Chunk>> chunks_;
  std::vector<uint32_t> free_;
  uint32_t end_ = 0;
  size_t used_ = 0;
};

// What an absl::flat_hash_set or map has allocated: its slots and a control byte each.
template <typename Table>
size_t HashTableBytes(const Table& table) {
  return table.capacity() * (sizeof(typename Table::value_type) + 1);
}

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_KUBERNETES_RECORD_POOL_H_
