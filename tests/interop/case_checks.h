// What every relay of real media programs must show.

#ifndef TESTS_INTEROP_CASE_CHECKS_H_
#define TESTS_INTEROP_CASE_CHECKS_H_

#include <vector>

#include "tests/interop/hop_answers.h"
#include "tests/interop/media_lab.h"
#include "tests/interop/relay_audit.h"

namespace audio_latency::lab {

// After MediaLab::Finish: audits the relay, live and by replay of the captures, keeps the results
// and checks the bars: no false match, 99 % of the seconds with speech, median error of 50 us, and
// that the command line tells the same. `streams` is how many streams the relay must have sent on.
void CheckRelay(const MediaLab& lab, const MediaLab::ReplayAnswer& replay, const Pod& relay,
                size_t streams, const AuditOptions& options);

// Both told of the same hops, and once both know which streams belong together, of the same
// signatures at the same positions (but for 0.5 % that may be lost; says how many), with medians
// that differ by 50 us at most inside a pod, and between nodes by 150, where the clocks' estimate
// comes in.
void CheckSameHops(const MediaLab& lab, const MediaLab::ReplayAnswer& replay);

// The hop inside a pod; null where none was told.
const HopAnswer* FindInside(const std::vector<HopAnswer>& hops, const Pod& pod);

}  // namespace audio_latency::lab

#endif  // TESTS_INTEROP_CASE_CHECKS_H_
