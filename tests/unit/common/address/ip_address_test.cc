#include "common/address/ip_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <catch2/catch.hpp>

#include "common/status/status_macros.h"

namespace audio_latency {
namespace {

TEST_CASE("addresses come out as they were written") {
  for (const std::string text :
       {"10.0.1.5", "0.0.0.0", "255.255.255.255", "fd00::5", "::1", "::", "2001:db8::ff:0:1"}) {
    const absl::StatusOr<IpAddress> address = IpAddress::Parse(text);
    REQUIRE(address.ok());
    CHECK(address->ToString() == text);
    CHECK(address->is_v4() == (text.find('.') != std::string::npos));
    const absl::StatusOr<IpAddress> again = IpAddress::FromBytes(address->ToBytes());
    REQUIRE(again.ok());
    CHECK(*again == *address);
    CHECK(IpAddress::FromMapped(address->mapped()) == *address);
    CHECK(address->ToBytes().size() == (address->is_v4() ? 4u : 16u));
  }
}

TEST_CASE("an IPv4 address mapped into IPv6 is the IPv4 address") {
  CHECK(*IpAddress::Parse("::ffff:10.0.1.5") == *IpAddress::Parse("10.0.1.5"));
  CHECK(IpAddress::Parse("::ffff:10.0.1.5")->ToString() == "10.0.1.5");
}

TEST_CASE("what is no address is refused by name") {
  using std::string_literals::operator""s;
  for (const std::string& text : {""s, "10.0.1"s, "10.0.1.256"s, "10.0.1.5 "s, "host"s, "fd00::g"s,
                                  "fe80::1%eth0"s, "10.0.1.5:80"s, "10.0.1.5\0junk"s}) {
    const absl::StatusOr<IpAddress> address = IpAddress::Parse(text);
    REQUIRE_FALSE(address.ok());
    CHECK(Message(address.status()).find(text.c_str()) != std::string::npos);
  }
  for (const size_t length : {0u, 1u, 3u, 5u, 15u, 17u}) {
    const absl::StatusOr<IpAddress> address = IpAddress::FromBytes(std::string(length, 'x'));
    REQUIRE_FALSE(address.ok());
    CHECK(Message(address.status()).find(std::to_string(length)) != std::string::npos);
  }
}

TEST_CASE("special addresses are known in both families") {
  const auto at = [](const char* text) { return *IpAddress::Parse(text); };
  CHECK(at("::").is_unspecified());
  for (const char* const text : {"127.0.0.1", "127.255.0.9", "::1", "::ffff:127.0.0.1"}) {
    CHECK(at(text).is_loopback());
  }
  for (const char* const text : {"169.254.0.1", "fe80::1", "febf::1"}) {
    CHECK(at(text).is_link_local());
  }
  for (const char* const text : {"224.0.0.1", "239.255.255.255", "ff02::1"}) {
    CHECK(at(text).is_multicast());
  }
  for (const char* const text : {"10.0.0.1", "126.0.0.1", "128.0.0.1", "169.253.0.1", "223.0.0.1",
                                 "240.0.0.1", "::2", "fd00::1", "fec0::1", "fe7f::1"}) {
    CAPTURE(text);
    CHECK_FALSE(at(text).is_unspecified());
    CHECK_FALSE(at(text).is_loopback());
    CHECK_FALSE(at(text).is_link_local());
    CHECK_FALSE(at(text).is_multicast());
  }
}

TEST_CASE("one host's IPv6 addresses have one holder, IPv4 addresses each their own") {
  const auto holder = [](const char* text) { return IpAddress::Parse(text)->Holder(); };
  CHECK(holder("fd00:1:2:3::1") == holder("fd00:1:2:3:ffff:ffff:ffff:ffff"));
  CHECK(holder("fd00:1:2:3::1") != holder("fd00:1:2:4::1"));
  CHECK(holder("10.0.0.1") != holder("10.0.0.2"));
  CHECK(holder("10.0.0.1") == holder("::ffff:10.0.0.1"));
  CHECK(holder("::ffff:10.0.0.1") != holder("::ffff:10.0.0.2"));
}

TEST_CASE("the address of a socket") {
  sockaddr_storage socket = {};
  CHECK(IpAddress::FromSocket(socket) == IpAddress());
  socket.ss_family = AF_INET;
  REQUIRE(inet_pton(AF_INET, "10.0.0.3", &reinterpret_cast<sockaddr_in&>(socket).sin_addr) == 1);
  CHECK(IpAddress::FromSocket(socket).ToString() == "10.0.0.3");
  socket = {};
  socket.ss_family = AF_INET6;
  auto& v6 = reinterpret_cast<sockaddr_in6&>(socket).sin6_addr;
  REQUIRE(inet_pton(AF_INET6, "fd00::3", &v6) == 1);
  CHECK(IpAddress::FromSocket(socket).ToString() == "fd00::3");
  REQUIRE(inet_pton(AF_INET6, "::ffff:10.0.0.3", &v6) == 1);
  CHECK(IpAddress::FromSocket(socket).ToString() == "10.0.0.3");
}

TEST_CASE("addresses are ordered and told apart") {
  CHECK(*IpAddress::Parse("10.0.0.1") < *IpAddress::Parse("10.0.0.2"));
  CHECK(*IpAddress::Parse("10.0.0.1") != *IpAddress::Parse("10.0.0.2"));
  CHECK(IpAddress() == *IpAddress::Parse("::"));
}

}  // namespace
}  // namespace audio_latency
