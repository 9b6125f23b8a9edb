// Holds what the product reports of a relay against what really passed it.

#ifndef TESTS_INTEROP_RELAY_AUDIT_H_
#define TESTS_INTEROP_RELAY_AUDIT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "audio_latency/v1/latency.pb.h"
#include "tests/interop/rtp_truth.h"

namespace audio_latency::lab {

// A row of the table that `make interop` prints.
struct CaseResult {
  std::string name;
  // Packets that the relay sent on byte for byte.
  int64_t relayed_packets = 0;
  // Of these, how many the product met on both sides.
  int64_t matched_packets = 0;
  // By how many signatures: a packet may complete several.
  int64_t matches = 0;
  int64_t false_matches = 0;
  std::string first_false_match;
  // One-second bins of each stream that hold speech, and those that also hold a match.
  int speech_seconds = 0;
  int covered_seconds = 0;
  // Distance of the reported delay from the true one.
  double median_error_us = 0;
  double p99_error_us = 0;
  double max_error_us = 0;
  // What the relay really took.
  double median_delay_us = 0;
  double max_delay_us = 0;

  double coverage() const {
    return speech_seconds == 0 ? 0 : static_cast<double>(covered_seconds) / speech_seconds;
  }
};

struct AuditOptions {
  std::string name;
  std::string relay_address;
  // Ticks of the RTP clock in a second (RFC 3551).
  int ticks_per_second = 8000;
  // For each second of what every stream plays, whether it holds speech.
  std::vector<bool> seconds_with_speech;
};

// `traces` are matches as the correlator told them, in any order, some perhaps more than once. A
// link from one conversation to another is false when it does not go through the relay, or when the
// truth does not say that this very packet left as that one. Only streams in `truth` are looked
// for; matches of other pods are left alone.
CaseResult AuditRelay(const RelayTruth& truth, const std::vector<audio_latency::v1::Trace>& traces,
                      const AuditOptions& options);

}  // namespace audio_latency::lab

#endif  // TESTS_INTEROP_RELAY_AUDIT_H_
