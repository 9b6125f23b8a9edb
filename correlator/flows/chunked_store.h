// A growing array whose elements never move, so that readers need no lock.

#ifndef CORRELATOR_FLOWS_CHUNKED_STORE_H_
#define CORRELATOR_FLOWS_CHUNKED_STORE_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace audio_latency::correlator {

// One thread at a time may write; any may read an element whose index it was given after the
// element was written.
template <typename T>
class ChunkedStore {
 public:
  explicit ChunkedStore(size_t capacity)
      : capacity_(capacity),
        chunk_count_((capacity + kChunkSize - 1) / kChunkSize),
        chunks_(std::make_unique<std::atomic<Chunk*>[]>(chunk_count_)) {}
  ChunkedStore(const ChunkedStore&) = delete;
  ChunkedStore& operator=(const ChunkedStore&) = delete;
  ~ChunkedStore() {
    for (size_t i = 0; i < chunk_count_; ++i) {
      delete chunks_[i].load(std::memory_order_relaxed);
    }
  }

  size_t capacity() const { return capacity_; }

  // The element at `index`, which must be below the capacity; for the writer.
  T& Writable(size_t index) {
    std::atomic<Chunk*>& chunk = chunks_[index / kChunkSize];
    Chunk* existing = chunk.load(std::memory_order_relaxed);
    if (existing == nullptr) {
      existing = new Chunk();
      chunk.store(existing, std::memory_order_release);
    }
    return (*existing)[index % kChunkSize];
  }

  const T& operator[](size_t index) const {
    return (*chunks_[index / kChunkSize].load(std::memory_order_acquire))[index % kChunkSize];
  }

 private:
  static constexpr size_t kChunkSize = 1024;
  using Chunk = std::array<T, kChunkSize>;

  const size_t capacity_;
  const size_t chunk_count_;
  std::unique_ptr<std::atomic<Chunk*>[]> chunks_;
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_FLOWS_CHUNKED_STORE_H_
