// The product's chain with captured packets at its head: no kernel, no gRPC, no thread, no clock
// but the packets' own.

#ifndef CORRELATOR_REPLAY_REPLAY_H_
#define CORRELATOR_REPLAY_REPLAY_H_

#include <cstdint>
#include <memory>
#include <span>

#include "absl/status/statusor.h"
#include "common/config/port_set.h"
#include "common/signature/signature_parameters.h"
#include "common/time/clock.h"
#include "correlator/endpoints/endpoint_directory.h"
#include "correlator/flows/flow_registry.h"
#include "correlator/ingest/node_reader.h"
#include "correlator/matching/matcher.h"
#include "correlator/matching/matching_reader.h"
#include "correlator/paths/path_reader.h"
#include "correlator/paths/path_stage.h"
#include "correlator/replay/observation_point.h"
#include "correlator/replay/replay_tap.h"

namespace audio_latency::correlator {

struct ReplayOptions {
  SignatureParameters signature;
  // Root mean square (16-bit) below which audio is silence; 0: no such test.
  uint32_t silence_threshold = 256;
  // Events of other ports are left out; empty: all are taken.
  PortSet audio_ports;
  // Without `audio_ports`: sign only flows with audio's cadence, as a probe without AUDIO_PORTS
  // does. Off: a capture holds what its maker wanted to look at, and is short.
  bool detect_cadence = false;
  // Events of these are left out, whatever `audio_ports` says.
  PortSet excluded_ports;
  MatcherOptions matcher;
  // Followed at each point, and known in all.
  uint32_t max_flows_per_point = 10'000;
  uint32_t max_flows = 100'000;
  // A flow that is silent for so long is forgotten, as in a probe.
  int64_t flow_timeout_ns = 30'000'000'000;
  // Of hops, and of paths.
  size_t max_series = PathStageOptions().max_series;
};

// Packets must come in the order of their times on the common clock, over all points. One that is
// late by up to the matcher's hold changes nothing; a later one is matched all the same while it is
// within the window, and counted as late; beyond that it is dropped and counted. Equal calls give
// equal answers. Not thread-safe, nor are the readers.
class Replay {
 public:
  // INVALID_ARGUMENT names the option that is out of its range. `directory` and `tap` (null: none)
  // must outlive the replay.
  static absl::StatusOr<std::unique_ptr<Replay>> Create(const ReplayOptions& options,
                                                        const EndpointDirectory& directory,
                                                        ReplayTap* tap);
  virtual ~Replay() = default;

  // The clock of a node is that of its first point. RESOURCE_EXHAUSTED beyond 65,535 nodes.
  virtual absl::StatusOr<PointId> AddPoint(const ObservationPoint& point) = 0;

  // A packet that `point` (of AddPoint) saw at `time_ns` (Unix time on the node's clock; on the
  // common clock from 1970 to 2100).
  // `packet` holds what was captured of its `original_bytes`. `direction` is what the file says
  // beside the packet; a cooked link header tells it anyway.
  virtual void Packet(PointId point, int64_t time_ns, std::span<const uint8_t> packet,
                      uint32_t original_bytes, Direction direction) = 0;
  // Decides what still waits. No packet may follow.
  virtual void Finish() = 0;

  // What live readers read; valid as long as the replay. Before Finish: as of the newest packet.
  virtual PathReader& paths() = 0;
  virtual const NodeReader& nodes() const = 0;
  virtual const FlowRegistry& flows() const = 0;
  virtual MatchingCounters matching_counters() const = 0;
  // Shows the newest packet's time on the common clock, which serves as Unix and monotonic time;
  // after Finish a little more.
  virtual const Clock& clock() const = 0;

  struct Counters {
    uint64_t packets = 0;
    // Cut short by the capture (snap length), so that they could not be signed.
    uint64_t cut_packets = 0;
    // Too short for their link header.
    uint64_t malformed_packets = 0;
    // Behind a newer packet by more than the matcher's hold.
    uint64_t late_packets = 0;
    // With and without signature.
    uint64_t events = 0;
    // Signatures of TCP flows of which neither `audio_ports` nor `detect_cadence` says that they
    // are audio.
    uint64_t untested_tcp_signatures = 0;
    // Held several RTP packets (UDP segmentation offload), which were told apart.
    uint64_t segmented_packets = 0;
  };
  virtual const Counters& counters() const = 0;
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_REPLAY_REPLAY_H_
