// Two probes with wrong clocks and a correlator, all real but for the capture: what they make of
// events whose true times are known.

#ifndef TESTS_CLOCK_CLOCK_LAB_H_
#define TESTS_CLOCK_CLOCK_LAB_H_

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "correlator/ingest/node_reader.h"
#include "correlator/paths/snapshot.h"
#include "tests/clock/delay_relay.h"

namespace audio_latency::testing {

// How a node's clock is wrong, and what lies between its probe and the correlator.
struct NodeWrongs {
  int64_t offset_ns = 0;
  double drift = 0;
  // Nothing: no relay.
  std::optional<DelayRelay::Ways> ways;
};

// What came out for one piece of audio, which node 0 saw leaving and node 1 arriving.
struct LabAnswer {
  // When it left, on the true clock.
  int64_t true_ns = 0;
  // Of the delay that the correlator tells, beyond the true one.
  int64_t delay_error_ns = 0;
  // The error bar that stands beside it, of both nodes together.
  int64_t bar_ns = 0;
};

// The true clock is this machine's monotonic one, which is also the correlator's.
class ClockLab {
 public:
  // From the first node to the second.
  static constexpr int64_t kTrueDelayNs = 3'000'000;

  static std::unique_ptr<ClockLab> Start(const std::array<NodeWrongs, 2>& wrongs);
  virtual ~ClockLab() = default;

  // Lets a piece of audio pass every 10 ms.
  virtual void Run(double seconds) = 0;
  // Sets the wall clock of a node's machine, or (-1) of the correlator's.
  virtual void StepWallClock(int node, int64_t by_ns) = 0;

  // Changes the rate of a node's clock.
  virtual void SetDrift(size_t node, double drift) = 0;

  // Of all pieces so far that both nodes' clocks told.
  virtual std::vector<LabAnswer> Answers() const = 0;
  virtual std::vector<correlator::NodeSnapshot> Nodes() const = 0;
  // The one hop, as it is answered; nothing before there is one.
  virtual std::optional<correlator::HopSnapshot> Hop(uint32_t window_seconds) const = 0;
};

// Share of the answers whose true delay is inside the error bar.
double ShareInside(const std::vector<LabAnswer>& answers);
// Of the absolute errors.
int64_t MedianErrorNs(const std::vector<LabAnswer>& answers);
int64_t MedianBarNs(const std::vector<LabAnswer>& answers);

}  // namespace audio_latency::testing

#endif  // TESTS_CLOCK_CLOCK_LAB_H_
