#include "common/wire/clock_datagram.h"

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <random>
#include <span>
#include <string_view>
#include <vector>

namespace audio_latency::wire {
namespace {

std::unique_ptr<ClockKey> Key(uint8_t seed) {
  const std::vector<uint8_t> key(kClockKeyBytes, seed);
  return ClockKey::Make(key).value();
}

ClockDatagram Answer() {
  return {.kind = ClockDatagram::Kind::kAnswer,
          .session_id = 0x0123456789abcdef,
          .nonce = 0xfedcba9876543210,
          .receive_time_ns = 1'234'567'890'123,
          .send_time_ns = -1};
}

TEST_CASE("a datagram comes out as it went in, and is authentic under its key alone") {
  const auto key = Key(1);
  for (const ClockDatagram& datagram :
       {Answer(),
        ClockDatagram{.kind = ClockDatagram::Kind::kRequest, .session_id = 7, .nonce = 9}}) {
    const ClockDatagramBytes bytes = key->Seal(datagram);
    REQUIRE(ReadClockDatagram(bytes).has_value());
    CHECK(*ReadClockDatagram(bytes) == datagram);
    CHECK(key->IsAuthentic(bytes));
    // Used again, and from another copy of the key.
    CHECK(key->IsAuthentic(bytes));
    CHECK(Key(1)->IsAuthentic(bytes));
    CHECK_FALSE(Key(2)->IsAuthentic(bytes));
  }
}

// HMAC-SHA256 of bytes 0 … 39 of Answer() under 32 bytes of 1, computed with Python's hmac.
constexpr std::array<uint8_t, 16> kExpectedMac = {0x91, 0x55, 0x7a, 0x04, 0xe0, 0x43, 0x20, 0xb4,
                                                  0x09, 0x9f, 0x04, 0x71, 0xb1, 0xbf, 0xfb, 0x1b};

TEST_CASE("the bytes are those that the header tells") {
  const ClockDatagramBytes bytes = Key(1)->Seal(Answer());
  CHECK(std::string_view(reinterpret_cast<const char*>(bytes.data()), 4) == "ALTC");
  CHECK(bytes[4] == 1);
  CHECK(bytes[5] == 2);
  CHECK(bytes[8] == 0x01);
  CHECK(bytes[15] == 0xef);
  CHECK(bytes[16] == 0xfe);
  CHECK(std::equal(kExpectedMac.begin(), kExpectedMac.end(), bytes.begin() + 40));
}

TEST_CASE("every flipped bit is noticed") {
  const auto key = Key(3);
  const ClockDatagramBytes good = key->Seal(Answer());
  for (size_t bit = 0; bit < 8 * good.size(); ++bit) {
    ClockDatagramBytes bytes = good;
    bytes[bit / 8] ^= static_cast<uint8_t>(1u << (bit % 8));
    CAPTURE(bit);
    CHECK_FALSE(key->IsAuthentic(bytes));
    // Of the head only the kind may differ, and that is 1 or 2.
    if (bit < 64) {
      CHECK_FALSE(ReadClockDatagram(bytes).has_value());
    }
  }
}

TEST_CASE("what has not the form is no datagram") {
  const auto key = Key(3);
  const ClockDatagramBytes good = key->Seal(Answer());
  for (size_t size = 0; size < good.size(); ++size) {
    CHECK_FALSE(ReadClockDatagram(std::span(good).first(size)).has_value());
    CHECK_FALSE(key->IsAuthentic(std::span(good).first(size)));
  }
  std::vector<uint8_t> longer(good.begin(), good.end());
  longer.push_back(0);
  CHECK_FALSE(ReadClockDatagram(longer).has_value());
  // A request carries no times.
  ClockDatagram request = Answer();
  request.kind = ClockDatagram::Kind::kRequest;
  CHECK_FALSE(ReadClockDatagram(key->Seal(request)).has_value());
  std::mt19937 random(1);
  for (int i = 0; i < 10'000; ++i) {
    std::vector<uint8_t> noise(kClockDatagramBytes);
    for (uint8_t& byte : noise) {
      byte = static_cast<uint8_t>(random());
    }
    CHECK_FALSE(ReadClockDatagram(noise).has_value());
    CHECK_FALSE(key->IsAuthentic(noise));
  }
}

TEST_CASE("a key of another size is refused") {
  for (const size_t size : {size_t{0}, kClockKeyBytes - 1, kClockKeyBytes + 1}) {
    const std::vector<uint8_t> key(size, 1);
    CHECK_FALSE(ClockKey::Make(key).ok());
  }
}

}  // namespace
}  // namespace audio_latency::wire
