// Catch2's main for tests with a Kubernetes API server: in a lab of their own whose loopback
// interface is up.

#define CATCH_CONFIG_RUNNER
#include <fmt/format.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdio>

#include "common/status/status_macros.h"
#include "tests/kubernetes/api_server/api_server.h"
#include "tests/kubernetes/api_server/requirement.h"
#include "tests/lab/lab.h"
#include "tests/lab/lab_test.h"

namespace audio_latency::lab {
namespace {

const Lab* current_lab = nullptr;

absl::Status BringLoopbackUp() {
  ASSIGN_OR_RETURN(const NetworkNamespace network, NetworkNamespace::OfThisThread());
  return network.Configure("link set lo up\n");
}

}  // namespace

const Lab& CurrentLab() { return *current_lab; }

int Main(int argc, char** argv) {
  constexpr int kSkipped = 77;  // what ctest takes for "skipped"
  if (geteuid() != 0) {
    std::puts("SKIPPED: this test makes network namespaces; run it as root.");
    return kSkipped;
  }
  if (const auto program = FindApiServerProgram(); !program.ok()) {
    return ExitWithoutApiServer(program.status());
  }
  const absl::StatusOr<int> status = Lab::Run([&](const Lab& lab) {
    current_lab = &lab;
    if (const absl::Status up = BringLoopbackUp(); !up.ok()) {
      fmt::print(stderr, "{}\n", Message(up));
      return 1;
    }
    return Catch::Session().run(argc, argv);
  });
  if (!status.ok()) {
    fmt::print(stderr, "{}\n", Message(status.status()));
    return 1;
  }
  return *status;
}

}  // namespace audio_latency::lab

int main(int argc, char** argv) { return audio_latency::lab::Main(argc, argv); }
