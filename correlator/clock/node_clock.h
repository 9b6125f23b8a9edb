// One node's clock: from its times to the correlator's.

#ifndef CORRELATOR_CLOCK_NODE_CLOCK_H_
#define CORRELATOR_CLOCK_NODE_CLOCK_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <utility>

#include "correlator/clock/clock_model.h"
#include "correlator/ingest/node_event.h"

namespace audio_latency::correlator {

// Follows the model's estimate smoothly: with its drift, and towards its offset at most by
// kMaxSlew, so that the delay between two events of one node is right to that share although the
// estimate moves by micros with every exchange. It steps only when the estimate's bounds leave it
// no choice. An event is converted by what held at its own time, however late it is reported. Not
// thread-safe.
class NodeClock {
 public:
  static constexpr double kMaxSlew = 50e-6;
  static constexpr int64_t kStaleNs = 5'000'000'000;

  explicit NodeClock(std::unique_ptr<ClockModel> model) : model_(std::move(model)) {}

  // `now_ns` is the correlator's clock. False when the exchange contradicts itself or `now_ns`, and
  // was not used.
  bool Add(const ClockExchange& exchange, int64_t now_ns);

  bool is_synchronised() const { return !segments_.empty(); }
  ClockState StateAt(int64_t now_ns) const;
  // Needs is_synchronised().
  int64_t ToCorrelatorNs(int64_t node_time_ns);
  int64_t offset_ns() const;
  // Nanoseconds that the offset grows by each nanosecond; 0 before it is known.
  double drift() const { return segments_.empty() ? 0 : segments_.back().drift; }
  // How far off the converted time of an event of now may be; grows while no exchange comes.
  int64_t ErrorBoundNs(int64_t now_ns) const;
  // How far off ToCorrelatorNs(node_time_ns) may be; grows with how far the time is from the
  // exchange whose estimate converts it. Needs is_synchronised().
  int64_t ErrorBoundAtNs(int64_t node_time_ns) const;
  // How far off the times may have been that were converted since the exchange before, as the
  // newest tells: more than was told of them where the node's clock was slewed meanwhile.
  int64_t HindsightBoundNs() const { return hindsight_bound_ns_; }

 private:
  // From `begin_ns` (node's clock) on: offset_ns, moving by `drift`, and until kSlewNs later by
  // `slew` beside it.
  struct Segment {
    int64_t begin_ns = 0;
    int64_t offset_ns = 0;
    double drift = 0;
    double slew = 0;
    // Of the offset, at the node's time of the exchange behind it.
    int64_t bound_ns = 0;
    int64_t exchange_ns = 0;

    int64_t OffsetAt(int64_t node_time_ns) const;
  };

  void Follow(const OffsetEstimate& estimate);
  const Segment& SegmentAt(int64_t node_time_ns) const;

  std::unique_ptr<ClockModel> model_;
  std::deque<Segment> segments_;
  // The latest node time that was converted: the past must not be changed any more.
  int64_t newest_converted_ns_ = 0;
  int64_t newest_exchange_ns_ = 0;  // correlator's clock
  int64_t bound_ns_ = 0;            // as of the newest exchange
  int64_t hindsight_bound_ns_ = 0;
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_CLOCK_NODE_CLOCK_H_
