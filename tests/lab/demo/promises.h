// What the demo promises, and whether it held.

#ifndef TESTS_LAB_DEMO_PROMISES_H_
#define TESTS_LAB_DEMO_PROMISES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "audio_latency/v1/latency.pb.h"
#include "tests/lab/audio/transfer_report.h"
#include "tests/lab/demo/match_audit.h"

namespace audio_latency::lab {

// How one call went: what the lab knows of it.
struct CallResult {
  std::string path;
  int hold_ms = 0;
  TransferReport sent;
  TransferReport received;
  CallAudit audit;
};

// All that is known when the calls are over.
struct ScenarioResult {
  audio_latency::v1::ListPathsResponse answer;
  std::vector<CallResult> calls;
  int64_t matches = 0;
  int64_t false_matches = 0;
  std::string first_false_match;
  // Matches that went by unaudited.
  double unseen_matches = 0;
};

struct Promise {
  bool held = false;
  // What was promised and what was seen: "ingress > processor > egress: 40.05 ms inside …".
  std::string text;
};

// For each call: its path with three hops, processing within 1 ms of what the relay holds, network
// hops under 1 ms, coverage of at least 99 %, traffic unharmed; and no false match at all.
std::vector<Promise> CheckPromises(const ScenarioResult& result);

}  // namespace audio_latency::lab

#endif  // TESTS_LAB_DEMO_PROMISES_H_
