// The hops that the command line tells, live or by replay.

#ifndef TESTS_INTEROP_HOP_ANSWERS_H_
#define TESTS_INTEROP_HOP_ANSWERS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace audio_latency::lab {

struct HopAnswer {
  std::string kind;  // "TRANSIT" or "PROCESSING"
  std::string source_pod;
  std::string destination_pod;
  double count = 0;
  double p50_us = 0;
  double max_us = 0;
  double error_bound_us = 0;

  // "PROCESSING relay-1 > relay-1"
  std::string name() const { return kind + " " + source_pod + " > " + destination_pod; }
};

// What `audio-latency hops -o json` printed.
absl::StatusOr<std::vector<HopAnswer>> ParseHops(const std::string& json);

}  // namespace audio_latency::lab

#endif  // TESTS_INTEROP_HOP_ANSWERS_H_
