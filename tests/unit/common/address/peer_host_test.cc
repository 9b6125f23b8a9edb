#include "common/address/peer_host.h"

#include <catch2/catch.hpp>

namespace audio_latency {
namespace {

TEST_CASE("the host of what gRPC calls the peer") {
  CHECK(HostOfPeer("ipv4:10.0.0.4:9095") == "10.0.0.4");
  CHECK(HostOfPeer("ipv6:%5B::1%5D:9095") == "::1");
  CHECK(HostOfPeer("ipv6:[2001:db8::7]:9095") == "2001:db8::7");
  CHECK(HostOfPeer("ipv6:%5Bfe80::1%25eth0%5D:9095") == "fe80::1%eth0");
}

TEST_CASE("what has no host gives none") {
  for (const char* const peer :
       {"", "unix:/run/x", "ipv4:", "ipv4:10.0.0.4", "ipv4::9095", "ipv6:", "ipv6:::1:9095",
        "ipv6:%5B%5D:9095", "ipv6:%5B::1", "ipv6:%", "ipv6:%5"}) {
    CAPTURE(peer);
    CHECK(HostOfPeer(peer) == std::nullopt);
  }
}

TEST_CASE("a host is one holder, whatever port and address of its /64 it calls from") {
  CHECK(HolderOfPeer("ipv4:10.0.0.4:9095") == HolderOfPeer("ipv4:10.0.0.4:40000"));
  CHECK(HolderOfPeer("ipv4:10.0.0.4:9095") == HolderOfPeer("ipv6:%5B::ffff:10.0.0.4%5D:9095"));
  CHECK(HolderOfPeer("ipv4:10.0.0.4:9095") != HolderOfPeer("ipv4:10.0.0.5:9095"));
  CHECK(HolderOfPeer("ipv6:%5Bfd00::1%5D:1") == HolderOfPeer("ipv6:%5Bfd00::abcd%5D:2"));
  CHECK(HolderOfPeer("ipv6:%5Bfd00::1%5D:1") != HolderOfPeer("ipv6:%5Bfd00:0:0:1::1%5D:1"));
  CHECK(HolderOfPeer("ipv6:%5Bfe80::1%25eth0%5D:1") == HolderOfPeer("ipv6:%5Bfe80::2%5D:1"));
  CHECK(HolderOfPeer("unix:/run/x") == "unix:/run/x");
}

}  // namespace
}  // namespace audio_latency
