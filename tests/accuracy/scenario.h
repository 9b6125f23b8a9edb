// Calls, and what becomes of them: capture files, and the truth about them.

#ifndef TESTS_ACCURACY_SCENARIO_H_
#define TESTS_ACCURACY_SCENARIO_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tests/accuracy/capture_file.h"
#include "tests/accuracy/leg.h"
#include "tests/accuracy/sound.h"
#include "tests/accuracy/track.h"
#include "tests/accuracy/truth.h"

namespace audio_latency::accuracy {

enum class Carrier : uint8_t { kTcp, kRtp };

struct LegSpec {
  Carrier carrier = Carrier::kTcp;
  Framing framing = Framing::kRaw;  // TCP only
  // Audio in a message or packet: a multiple of Track::frame_ns.
  int message_ms = 20;
  Cut cut = Cut::kWrites;
  uint32_t mss_bytes = 1448;
  RtpOptions rtp = {};
  Way way = {};
  // 0: the scenario chooses. Calls of one flow have equal ones at both ends.
  uint16_t source_port = 0;
  uint16_t destination_port = 0;
  // Sequence numbers begin so that they pass zero in the call.
  bool wraps = false;
  // Begins anew in the middle: a new connection of the same 5-tuple, or a new SSRC.
  bool restarts = false;
};

// From a caller through relays to a callee: leg i leads from point i to point i + 1, or, where
// `is_backward`, the call goes the other way through the same points.
struct CallSpec {
  Sound sound = {};
  Codec codec = Codec::kPcmAt16;
  std::vector<LegSpec> legs = {};
  int64_t start_ns = 0;  // after the scenario's
  int seconds = 60;
  // How long each relay holds the audio: at least, and up to so much more from message to message.
  int64_t hold_ns = 40'000'000;
  int64_t hold_jitter_ns = 2'000'000;
  // Does not send silence; comfort noise (RFC 3389) tells of it, but with Opus.
  bool is_discontinuous = false;
  bool is_backward = false;
  // Who calls: calls of one number have the same caller and callee.
  int caller = 0;
  bool is_ipv6 = false;
};

inline constexpr size_t kSkewedPoint = 1;

struct Scenario {
  std::vector<CallSpec> calls;
  uint64_t seed = 1;
  // The captures begin so long after the calls.
  int64_t joined_after_ns = 0;
  // Nobody tells the product which ports carry audio: it looks for the cadence.
  bool detects_audio = false;
  // What the clock of kSkewedPoint shows more than the others'.
  int64_t skew_ns = 0;
};

struct Traffic {
  std::vector<CaptureFile> points;
  Truth truth;
};

// In virtual time: equal scenarios make equal traffic.
absl::StatusOr<Traffic> MakeTraffic(const Scenario& scenario);

}  // namespace audio_latency::accuracy

#endif  // TESTS_ACCURACY_SCENARIO_H_
