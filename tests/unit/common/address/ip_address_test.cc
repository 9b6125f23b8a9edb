#include "common/address/ip_address.h"

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

TEST_CASE("addresses are ordered and told apart") {
  CHECK(*IpAddress::Parse("10.0.0.1") < *IpAddress::Parse("10.0.0.2"));
  CHECK(*IpAddress::Parse("10.0.0.1") != *IpAddress::Parse("10.0.0.2"));
  CHECK(IpAddress() == *IpAddress::Parse("::"));
}

}  // namespace
}  // namespace audio_latency
