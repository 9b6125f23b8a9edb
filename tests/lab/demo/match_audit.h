// Holds matches against what the lab knows: which byte or packet was where.

#ifndef TESTS_LAB_DEMO_MATCH_AUDIT_H_
#define TESTS_LAB_DEMO_MATCH_AUDIT_H_

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "audio_latency/v1/latency.pb.h"

namespace audio_latency::lab {

// One conversation of a call: from pod to pod.
struct Leg {
  std::string source_pod;
  std::string destination_pod;
  // RTP: the SSRC, and what the sequence numbers began with.
  uint32_t ssrc = 0;
  uint16_t first_sequence = 0;
};

// What is known of a call beforehand.
struct CallTruth {
  std::string path;  // "ingress > processor > egress"
  bool is_rtp = false;
  std::vector<Leg> legs;
  // How many positions make a second: bytes of a TCP stream, packets of RTP.
  int64_t positions_per_second = 0;
  // For each second of the call, whether anything was said.
  std::vector<bool> seconds_with_speech;
};

struct CallAudit {
  // Matches that span the whole call.
  int64_t whole_matches = 0;
  int speech_seconds = 0;
  // Seconds with speech that have a whole match.
  int covered_seconds = 0;

  double coverage() const {
    return speech_seconds == 0 ? 0 : static_cast<double>(covered_seconds) / speech_seconds;
  }
};

// Not thread-safe.
class MatchAudit {
 public:
  explicit MatchAudit(std::vector<CallTruth> calls);

  // A match is false when one of its points lies in no leg of a call, or when its points are of
  // different calls or at different positions of the audio.
  void Add(const audio_latency::v1::Trace& trace);

  int64_t matches() const { return matches_; }
  int64_t false_matches() const { return false_matches_; }
  // What was wrong with the first false match.
  const std::string& first_false_match() const { return first_false_match_; }
  // In the order of the calls given.
  std::vector<CallAudit> Calls() const;

 private:
  struct State {
    CallTruth truth;
    int64_t whole_matches = 0;
    int64_t newest_position = 0;
    std::set<int64_t> seconds_matched;
  };
  // Where a point is: which call, which leg, how far in the audio.
  struct Place {
    size_t call = 0;
    size_t leg = 0;
    int64_t position = 0;
  };

  // False when the point is in no leg.
  bool Locate(const audio_latency::v1::TracePoint& point, Place* place) const;
  void CountFalse(const audio_latency::v1::Trace& trace, const std::string& reason);

  std::vector<State> calls_;
  int64_t matches_ = 0;
  int64_t false_matches_ = 0;
  std::string first_false_match_;
};

}  // namespace audio_latency::lab

#endif  // TESTS_LAB_DEMO_MATCH_AUDIT_H_
