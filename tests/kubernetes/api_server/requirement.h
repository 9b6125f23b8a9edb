// What happens where there is no API server to test with.

#ifndef TESTS_KUBERNETES_API_SERVER_REQUIREMENT_H_
#define TESTS_KUBERNETES_API_SERVER_REQUIREMENT_H_

#include "absl/status/status.h"

namespace audio_latency::lab {

// Says why and gives the status to exit with: 77, which ctest counts as skipped, or 1 where
// AUDIO_LATENCY_REQUIRE_KUBERNETES is set, as continuous integration does: a server that could not
// be built is a failure there.
int ExitWithoutApiServer(const absl::Status& reason);

}  // namespace audio_latency::lab

#endif  // TESTS_KUBERNETES_API_SERVER_REQUIREMENT_H_
