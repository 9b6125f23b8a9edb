#include "common/address/host_port.h"

#include <catch2/catch.hpp>

namespace audio_latency {
namespace {

TEST_CASE("host and port of a name, an IPv4 and an IPv6 address") {
  const auto check = [](const char* text, const char* host, uint16_t port) {
    CAPTURE(text);
    const std::optional<HostPort> parsed = ParseHostPort(text);
    REQUIRE(parsed.has_value());
    CHECK(parsed->host == host);
    CHECK(parsed->port == port);
  };
  check("correlator:9095", "correlator", 9095);
  check("10.0.0.4:1", "10.0.0.4", 1);
  check("[fd00::4]:65535", "fd00::4", 65535);
  check("[fe80::4%eth0]:9095", "fe80::4%eth0", 9095);
}

TEST_CASE("what is no HOST:PORT is refused") {
  for (const char* const text : {"",
                                 ":",
                                 "host",
                                 "host:",
                                 ":9095",
                                 "host:0",
                                 "host:65536",
                                 "host:-1",
                                 "host: 1",
                                 "host:1x",
                                 "fe80::1:9095",
                                 "::1:9095",
                                 "[]:9095",
                                 "[::1]",
                                 "[::1",
                                 "[host]:9095",
                                 "[10.0.0.4]:9095",
                                 "[fd00::4:9095",
                                 "fd00::4]:9095",
                                 "unix:/run/x"}) {
    CAPTURE(text);
    CHECK_FALSE(ParseHostPort(text).has_value());
  }
}

TEST_CASE("loopback is known by name and by address") {
  for (const char* const host : {"localhost", "127.0.0.1", "127.9.9.9", "::1", "[::1]"}) {
    CHECK(IsLoopbackHost(host));
  }
  for (const char* const host :
       {"", "0.0.0.0", "::", "10.0.0.1", "correlator", "localhost.example", "[fd00::1]"}) {
    CHECK_FALSE(IsLoopbackHost(host));
  }
}

}  // namespace
}  // namespace audio_latency
