// Catch2's main for tests that run inside a lab of their own.

#define CATCH_CONFIG_RUNNER
#include <fmt/format.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdio>

#include "common/status/status_macros.h"
#include "tests/lab/lab.h"
#include "tests/lab/lab_test.h"

namespace audio_latency::lab {
namespace {

const Lab* current_lab = nullptr;

}  // namespace

const Lab& CurrentLab() { return *current_lab; }

}  // namespace audio_latency::lab

int main(int argc, char** argv) {
  using audio_latency::lab::Lab;
  constexpr int kSkipped = 77;  // what ctest takes for "skipped"
  if (geteuid() != 0) {
    std::puts("SKIPPED: this test makes network namespaces; run it as root.");
    return kSkipped;
  }
  const absl::StatusOr<int> status = Lab::Run([&](const Lab& lab) {
    audio_latency::lab::current_lab = &lab;
    return Catch::Session().run(argc, argv);
  });
  if (!status.ok()) {
    fmt::print(stderr, "{}\n", audio_latency::Message(status.status()));
    return 1;
  }
  return *status;
}
