// What every relay of real media programs must show.

#ifndef TESTS_INTEROP_CASE_CHECKS_H_
#define TESTS_INTEROP_CASE_CHECKS_H_

#include "tests/interop/media_lab.h"
#include "tests/interop/relay_audit.h"

namespace audio_latency::lab {

// After MediaLab::Finish: audits the relay, keeps the result and checks the bars: no false match,
// 99 % of the seconds with speech, median error of 50 us, and that the command line tells the same.
// `streams` is how many streams the relay must have sent on.
void CheckRelay(const MediaLab& lab, const Pod& relay, size_t streams, const AuditOptions& options);

}  // namespace audio_latency::lab

#endif  // TESTS_INTEROP_CASE_CHECKS_H_
