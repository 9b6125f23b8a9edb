// Are packets of an interface hidden from our programs? The evidence, without the kernel.

#ifndef PROBE_CAPTURE_HIDDEN_TRAFFIC_H_
#define PROBE_CAPTURE_HIDDEN_TRAFFIC_H_

#include <cstdint>
#include <optional>

namespace audio_latency::probe {

// Of one interface in one direction; totals that only grow.
struct TrafficSample {
  // As the interface counts.
  uint64_t packets = 0;
  uint64_t bytes = 0;
  // That our programs saw. Read after the others.
  uint64_t seen_bytes = 0;
};

// Holds what an interface counts against what our programs saw of it. Packets are no measure, as
// the kernel joins many of them into one (GRO); bytes are, but for the headers that go with that,
// which are less than half of it. So traffic counts as hidden when less than half of its bytes were
// seen in two looks one after the other, each with enough packets to judge by. Not thread-safe.
class HiddenTraffic {
 public:
  // Fewer packets than this since the look that was judged last say nothing.
  static constexpr uint64_t kLeastPackets = 20;

  // Takes a look; true while traffic is hidden.
  bool Look(const TrafficSample& now);

  bool is_hidden() const { return is_hidden_; }
  // Share of the bytes that was seen in the look that was judged last, 0 to 1.
  double seen_share() const { return seen_share_; }

 private:
  std::optional<TrafficSample> before_;
  bool was_bad_ = false;
  bool is_hidden_ = false;
  double seen_share_ = 1;
};

}  // namespace audio_latency::probe

#endif  // PROBE_CAPTURE_HIDDEN_TRAFFIC_H_
