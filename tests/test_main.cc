// Catch2's main, which first skips what needs root and does not have it.

#define CATCH_CONFIG_RUNNER
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdio>
#include <cstdlib>

int main(int argc, char** argv) {
  constexpr int kSkipped = 77;  // what ctest takes for "skipped"
  if (std::getenv("AUDIO_LATENCY_TEST_NEEDS_ROOT") != nullptr && geteuid() != 0) {
    std::puts("SKIPPED: this test loads BPF programs or makes network namespaces; run it as root.");
    return kSkipped;
  }
  return Catch::Session().run(argc, argv);
}
