#include "correlator/server/peer_key.h"

#include <catch2/catch.hpp>

namespace audio_latency::correlator {
namespace {

sockaddr_storage Peer(const std::string& text) {
  sockaddr_storage address = {};
  auto& v6 = reinterpret_cast<sockaddr_in6&>(address);
  auto& v4 = reinterpret_cast<sockaddr_in&>(address);
  if (inet_pton(AF_INET6, text.c_str(), &v6.sin6_addr) == 1) {
    address.ss_family = AF_INET6;
  } else {
    REQUIRE(inet_pton(AF_INET, text.c_str(), &v4.sin_addr) == 1);
    address.ss_family = AF_INET;
  }
  return address;
}

PeerKey Key(const std::string& text) { return PeerKeyOf(Peer(text)); }

TEST_CASE("one host's IPv6 addresses count together, IPv4 addresses each alone") {
  CHECK(Key("fd00:1:2:3::1") == Key("fd00:1:2:3:ffff:ffff:ffff:ffff"));
  CHECK(Key("fd00:1:2:3::1") != Key("fd00:1:2:4::1"));
  CHECK(Key("10.0.0.1") != Key("10.0.0.2"));
  CHECK(Key("10.0.0.1") == Key("::ffff:10.0.0.1"));
  CHECK(Key("::ffff:10.0.0.1") != Key("::ffff:10.0.0.2"));
}

TEST_CASE("a peer is shown as one writes it") {
  CHECK(PeerText(Peer("10.0.0.1")) == "10.0.0.1");
  CHECK(PeerText(Peer("::ffff:10.0.0.1")) == "10.0.0.1");
  CHECK(PeerText(Peer("fd00::3")) == "fd00::3");
}

}  // namespace
}  // namespace audio_latency::correlator
