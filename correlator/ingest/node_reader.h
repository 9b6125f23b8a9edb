// What readers may ask of the ingest stage: the probes, their clocks, what they sent and lost.

#ifndef CORRELATOR_INGEST_NODE_READER_H_
#define CORRELATOR_INGEST_NODE_READER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace audio_latency::correlator {

enum class ClockState : uint8_t { kSynchronising, kGood, kStale };

// How a node's clock is compared with ours: by datagrams with the kernel's timestamps, or on the
// probe's stream.
enum class ClockSource : uint8_t { kStream, kDatagrams };

// As in the answers and the metrics.
constexpr const char* NameOf(ClockState state) {
  switch (state) {
    case ClockState::kSynchronising:
      return "synchronising";
    case ClockState::kGood:
      return "good";
    case ClockState::kStale:
      return "stale";
  }
  return "";
}
constexpr const char* NameOf(ClockSource source) {
  return source == ClockSource::kDatagrams ? "udp" : "stream";
}

struct NodeSnapshot {
  std::string node;
  std::string instance;
  std::string version;
  bool connected = false;
  int64_t last_seen_unix_ns = 0;
  ClockState clock_state = ClockState::kSynchronising;
  // Correlator's monotonic clock minus the node's.
  double clock_offset_seconds = 0;
  // Infinite: not known.
  double clock_error_bound_seconds = 0;
  // By how much the offset grows, in millionths.
  double clock_drift_ppm = 0;
  ClockSource clock_source = ClockSource::kStream;
  // Events that wait for the clock to be good.
  double clock_waiting_events = 0;
  // What the node's kernel says of its wall clock (adjtimex(2)); nothing before the probe told.
  struct KernelClock {
    bool is_synchronised = false;
    double offset_seconds = 0;
    double frequency_ppm = 0;
    double estimated_error_seconds = 0;
    double maximum_error_seconds = 0;
  };
  std::optional<KernelClock> kernel_clock;
  // Events taken from the node's probe since the correlator's start.
  double events = 0;
  // Of these, those that carry a signature, and so go on to be matched.
  double signed_events = 0;
  double flows = 0;
  // Everything not taken, by cause, since the probe's start; `lost` tells that an event was lost
  // (an event gated as silence was not).
  struct Drop {
    std::string cause;
    double count = 0;
    bool lost = false;
  };
  std::vector<Drop> drops;
  // Lost events / all events, since the start; an event that was taken and lost afterwards counts
  // once.
  double lost_share = 0;
  // Of the signatures, what the probe kept when it made its newest events.
  double sampling_share = 1;
};

// Signature events by the pod they came from (the source of the flow).
struct PodSignatures {
  std::string pod;
  double count = 0;
  std::string namespace_name = {};
  std::string workload = {};
  std::string workload_kind = {};
};

// Thread-safe.
class NodeReader {
 public:
  virtual ~NodeReader() = default;

  virtual std::vector<NodeSnapshot> Nodes() const = 0;
  virtual std::vector<PodSignatures> Signatures() const = 0;
  // Batches and events refused, by what was wrong with them, since the start.
  virtual std::vector<std::pair<std::string, double>> Errors() const = 0;
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_INGEST_NODE_READER_H_
