#include "probe/privilege/capabilities.h"

#include <sys/prctl.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <string>

namespace audio_latency::probe {
namespace {

// A field of the calling thread's status, without its name.
std::string Status(const std::string& field) {
  std::ifstream status("/proc/thread-self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(field + ":\t")) {
      return line.substr(field.size() + 2);
    }
  }
  return "";
}

TEST_CASE("capabilities are named") {
  CHECK(CapabilityNames(0) == "none");
  CHECK(CapabilityNames(CapabilitySet({kCapBpf, kCapNetAdmin})) == "CAP_NET_ADMIN, CAP_BPF");
  CHECK(CapabilityNames(CapabilitySet({7})) == "capability 7");
}

TEST_CASE("a thread gives up all but what it keeps, for itself alone") {
  const std::string before = Status("CapEff");
  const bool had_net_admin = (std::stoull(before, nullptr, 16) >> kCapNetAdmin & 1) != 0;
  CHECK(WorksWithCapabilities(CapabilitySet({kCapNetAdmin}), [had_net_admin] {
    const std::string only = had_net_admin ? "0000000000001000" : "0000000000000000";
    CHECK(Status("CapEff") == only);
    CHECK(Status("CapPrm") == only);
    CHECK(Status("CapInh") == "0000000000000000");
    CHECK(Status("CapAmb") == "0000000000000000");
    CHECK(Status("NoNewPrivs") == "1");
    return true;
  }));
  CHECK(Status("CapEff") == before);
  CHECK_FALSE(WorksWithCapabilities(0, [] { return false; }));
}

}  // namespace
}  // namespace audio_latency::probe
