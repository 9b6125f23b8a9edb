// Whether the product told the same live and from the captures of the same traffic.

#ifndef TESTS_INTEROP_SETTLED_LINKS_H_
#define TESTS_INTEROP_SETTLED_LINKS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "audio_latency/v1/latency.pb.h"

namespace audio_latency::lab {

// What was told of one hop, between two streams or along one, while both were settled. A link is
// one signature at one position of the one stream and one position of the other.
struct SettledHop {
  // "10.0.0.1 > 10.0.0.2 (ssrc 11), 10.0.0.2 > 10.0.0.3 (ssrc 22)"
  std::string name;
  // How many links were told by both, and by one alone, each counted once.
  int64_t both = 0;
  int64_t only_live = 0;
  int64_t only_replayed = 0;
  // Of the links told by both.
  double live_p50_us = 0;
  double replayed_p50_us = 0;

  // Of all links, how many one of the two did not tell.
  double MissingShare() const {
    const int64_t all = both + only_live + only_replayed;
    return all == 0 ? 0 : static_cast<double>(only_live + only_replayed) / static_cast<double>(all);
  }
};

// When a hop is settled: from `begin_seconds` after its first link, for each correlator learns
// which streams belong together, until `end_seconds` before its last or before the live answers
// end: what is told then waits for what comes later.
struct SettlingTime {
  double begin_seconds = 2;
  double end_seconds = 1;
};

// Traces in any order, some perhaps more than once. Hops without a settled link are left out.
std::vector<SettledHop> CompareSettled(const std::vector<audio_latency::v1::Trace>& live,
                                       const std::vector<audio_latency::v1::Trace>& replayed,
                                       const SettlingTime& settling = {});

}  // namespace audio_latency::lab

#endif  // TESTS_INTEROP_SETTLED_LINKS_H_
