#include "common/config/port_set.h"

#include <catch2/catch.hpp>
#include <string>

namespace audio_latency {
namespace {

TEST_CASE("ports and ranges are taken") {
  const auto ports = PortSet::Parse(" 8080, 9000 ,10000-10002,65535,");
  REQUIRE(ports.ok());
  for (const int port : {8080, 9000, 10000, 10001, 10002, 65535}) {
    CHECK(ports->Contains(static_cast<uint16_t>(port)));
  }
  for (const int port : {0, 8079, 8081, 9999, 10003, 65534}) {
    CHECK_FALSE(ports->Contains(static_cast<uint16_t>(port)));
  }
}

TEST_CASE("the bits are where the BPF program looks for them") {
  const auto ports = PortSet::Parse("64,130");
  REQUIRE(ports.ok());
  CHECK(ports->words()[1] == 1);
  CHECK(ports->words()[2] == 4);
}

TEST_CASE("no port is the empty set, all ports is full") {
  CHECK(PortSet::Parse("")->empty());
  CHECK(PortSet::Parse(" , ")->empty());
  for (uint32_t port = 0; port < 65536; port += 257) {
    CHECK(PortSet::All().Contains(static_cast<uint16_t>(port)));
  }
}

TEST_CASE("the first port in common is told") {
  const PortSet one = *PortSet::Parse("80,5000-6000");
  CHECK(one.FirstInCommon(*PortSet::Parse("443,5999-7000")) == 5999);
  CHECK(one.FirstInCommon(PortSet::All()) == 80);
  CHECK(one.FirstInCommon(*PortSet::Parse("81,6001")) == std::nullopt);
  CHECK(one.FirstInCommon(PortSet()) == std::nullopt);
}

TEST_CASE("what is no port is refused by name") {
  for (const std::string bad : {"0", "65536", "80-", "-80", "90-80", "http", "80 90", "1-2-3",
                                "+80", "99999999999999999999"}) {
    INFO(bad);
    const auto ports = PortSet::Parse("443," + bad);
    REQUIRE_FALSE(ports.ok());
    CHECK_THAT(std::string(ports.status().message()), Catch::Contains("\"" + bad + "\""));
  }
}

}  // namespace
}  // namespace audio_latency
