// Whether pieces of audio keep their order from the stream that enters to the stream that leaves.

#ifndef CORRELATOR_MATCHING_STREAM_ORDER_H_
#define CORRELATOR_MATCHING_STREAM_ORDER_H_

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace audio_latency::correlator {

// Where a piece was in the two streams. Positions are numbers that wrap at 2^32 (RTP's, of 16 bits,
// moved up), compared by the sign of their difference (RFC 1982).
struct StreamStep {
  uint32_t entered_position = 0;
  uint32_t left_position = 0;
  int64_t entered_ns = 0;
  int64_t left_ns = 0;
};

// What TCP holds back behind a lost segment may leave seconds after it entered, all at once and
// told late: by time it seems out of order, by its place in the streams it is not. Remembers some
// links of a pair, a while apart: at most kMaxBytes of heap, and none after Clear. Not thread-safe.
class StreamOrder {
  static constexpr size_t kMaxMilestones = 16;

 public:
  static constexpr size_t kMaxBytes = kMaxMilestones * sizeof(StreamStep);

  // True when the piece lies between the same two links in both streams, and about as far from
  // each: a repeated piece, taken for its earlier self, does not. False where too little is known.
  bool Keeps(const StreamStep& step) const;
  // A link that was accepted. One that contradicts what is remembered is of streams that began
  // anew.
  void Add(const StreamStep& step);
  void Clear() { *this = {}; }
  // Heap that it holds.
  size_t memory_bytes() const { return milestones_.capacity() * sizeof(StreamStep); }

 private:
  static constexpr int64_t kSpacingNs = 100'000'000;
  // Neighbours that entered further apart say little about what is between them. TCP that loses one
  // segment five times in a row stands still for more than six seconds.
  static constexpr int64_t kMaxGapNs = 10'000'000'000;
  // How far from its place a piece may lie: as a share of the neighbours' distance…
  static constexpr double kMaxDeviation = 0.1;
  // …and in time, for what is repeated a second later is another piece however far they are apart.
  static constexpr int64_t kMaxDeviationNs = 500'000'000;

  // The first that left behind the step.
  std::vector<StreamStep>::const_iterator After(const StreamStep& step) const;

  // In order of both streams. Never grows beyond kMaxMilestones, and by doubling exactly to it.
  std::vector<StreamStep> milestones_;
  // Of the one added last: most steps are near it, and are done with without a look at the others.
  int64_t added_entered_ns_ = std::numeric_limits<int64_t>::min() / 2;
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_MATCHING_STREAM_ORDER_H_
