#include "probe/privilege/capabilities.h"

#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <cstdint>
#include <fstream>
#include <string>
#include <thread>

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

// As a program is started whose file has capabilities that are permitted and not effective.
void ClearEffective() {
  __user_cap_header_struct header = {};
  header.version = _LINUX_CAPABILITY_VERSION_3;
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> data = {};
  REQUIRE(syscall(SYS_capget, &header, data.data()) == 0);
  for (__user_cap_data_struct& half : data) {
    half.effective = 0;
  }
  REQUIRE(syscall(SYS_capset, &header, data.data()) == 0);
}

TEST_CASE("of what is permitted, what is wanted becomes effective and nothing else") {
  const uint64_t permitted = std::stoull(Status("CapPrm"), nullptr, 16);
  const uint64_t wanted = CapabilitySet({kCapNetAdmin, kCapBpf});
  std::thread([&] {
    ClearEffective();
    CHECK(RaiseCapabilities(wanted).ok());
    CHECK(std::stoull(Status("CapEff"), nullptr, 16) == (permitted & wanted));
    CHECK(std::stoull(Status("CapPrm"), nullptr, 16) == permitted);
    // What it is not permitted to have is no error: check tells what is missing.
    CHECK(DropCapabilitiesTo(0).ok());
    CHECK(RaiseCapabilities(wanted).ok());
    CHECK(Status("CapEff") == "0000000000000000");
  }).join();
}

}  // namespace
}  // namespace audio_latency::probe
