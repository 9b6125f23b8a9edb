#include "tests/kubernetes/api_server/requirement.h"

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>

#include "common/status/status_macros.h"

namespace audio_latency::lab {

int ExitWithoutApiServer(const absl::Status& reason) {
  constexpr int kSkipped = 77;
  const char* const required = std::getenv("AUDIO_LATENCY_REQUIRE_KUBERNETES");
  if (required != nullptr && *required != '\0') {
    fmt::print(stderr, "FAILED: {} (AUDIO_LATENCY_REQUIRE_KUBERNETES is set)\n", Message(reason));
    return EXIT_FAILURE;
  }
  fmt::print("SKIPPED: {}\n", Message(reason));
  return kSkipped;
}

}  // namespace audio_latency::lab
