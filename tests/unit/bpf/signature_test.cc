// bpf/signature.h and bpf/level.h in user space against libraries that others wrote.

#include <xxhash.h>
#include <zlib.h>

#include <catch2/catch.hpp>
#include <cmath>
#include <set>

#include "tests/bpf/support/frame_builder.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wold-style-cast"
#pragma GCC diagnostic ignored "-Wconversion"
#include "bpf/level.h"
#include "bpf/signature.h"
#pragma GCC diagnostic pop

namespace audio_latency {
namespace {

using testing::Bytes;
using testing::RandomBytes;

constexpr uint32_t kMost = 2048;

TEST_CASE("XXH64 equals libxxhash's at every length and for any seed") {
  const Bytes bytes = RandomBytes(kMost, 1);
  for (uint32_t length = 0; length <= kMost; ++length) {
    for (const uint64_t seed : {uint64_t{0}, uint64_t{1}, uint64_t{0x9e3779b97f4a7c15}}) {
      REQUIRE(xxh64(bytes.data(), length, kMost, seed, 0) == XXH64(bytes.data(), length, seed));
    }
  }
}

TEST_CASE("XXH64 of the difference stream equals libxxhash's of the differences") {
  const Bytes bytes = RandomBytes(kMost + 4, 2);
  Bytes differences(kMost);
  for (uint32_t i = 0; i < kMost; ++i) {
    differences[i] = bytes[i] ^ bytes[i + 4];
  }
  for (uint32_t length = 16; length <= 1024; ++length) {
    REQUIRE(xxh64(bytes.data(), length, kMost, 7, 1) == XXH64(differences.data(), length, 7));
  }
}

TEST_CASE("the low half of the CRC-32 signature is zlib's") {
  const Bytes bytes = RandomBytes(kMost, 3);
  std::set<uint32_t> high;
  for (uint32_t length = 1; length <= kMost; ++length) {
    const uint64_t signature = crc32_wide(bytes.data(), length, kMost, 5, 0);
    REQUIRE(static_cast<uint32_t>(signature) == crc32_z(0, bytes.data(), length));
    high.insert(static_cast<uint32_t>(signature >> 32));
  }
  CHECK(high.size() > kMost - 8);
  CHECK(crc32_wide(bytes.data(), 64, kMost, 5, 0) >> 32 !=
        crc32_wide(bytes.data(), 64, kMost, 6, 0) >> 32);
}

TEST_CASE("each algorithm hangs on every byte and on the seed") {
  for (const capture_algorithm algorithm :
       {CAPTURE_ALGORITHM_XXHASH, CAPTURE_ALGORITHM_CRC32, CAPTURE_ALGORITHM_ROLLING_HASH}) {
    Bytes bytes = RandomBytes(64, 4);
    const uint64_t original = signature_of(bytes.data(), 64, kMost, algorithm, 1, 0);
    CHECK(signature_of(bytes.data(), 64, kMost, algorithm, 2, 0) != original);
    for (uint8_t& byte : bytes) {
      byte ^= 1;
      REQUIRE(signature_of(bytes.data(), 64, kMost, algorithm, 1, 0) != original);
      byte ^= 1;
    }
  }
}

TEST_CASE("a repeating four-byte mask cancels out of the difference") {
  const Bytes bytes = RandomBytes(256, 5);
  Bytes masked = bytes;
  for (size_t i = 0; i < masked.size(); ++i) {
    masked[i] ^= static_cast<uint8_t>(0x11223344 >> 8 * (i & 3));
  }
  for (size_t i = 0; i + 12 <= bytes.size(); ++i) {
    REQUIRE(difference64(&bytes[i]) == difference64(&masked[i]));
  }
}

TEST_CASE("the mix of zero is no anchor, whatever the seed and the rate") {
  for (uint64_t seed = 0; seed < 20000; ++seed) {
    const uint64_t key = capture_anchor_key(seed * 0x9e3779b97f4a7c15ULL);
    REQUIRE(anchor_mix(0, key) >> (64 - CAPTURE_RATE_BITS_MIN) != 0);
  }
}

TEST_CASE("anchors come at the configured rate on random bytes") {
  const Bytes bytes = RandomBytes(1 << 20, 6);
  const uint64_t key = capture_anchor_key(0);
  for (const uint32_t bits : {6U, 8U, 10U}) {
    int anchors = 0;
    for (size_t i = 0; i + 12 <= bytes.size(); ++i) {
      anchors += anchor_mix(difference64(&bytes[i]), key) < uint64_t{1} << (64 - bits);
    }
    const double expected = static_cast<double>(bytes.size()) / (1 << bits);
    CHECK(std::abs(anchors - expected) < 6 * std::sqrt(expected));
  }
}

TEST_CASE("G.711 magnitudes are those of the recommendation's tables") {
  CHECK(mu_law_magnitude(0xff) == 0);
  CHECK(mu_law_magnitude(0x7f) == 0);
  CHECK(mu_law_magnitude(0x80) == 32124);
  CHECK(mu_law_magnitude(0x00) == 32124);
  CHECK(a_law_magnitude(0xd5) == 8);
  CHECK(a_law_magnitude(0x55) == 8);
  CHECK(a_law_magnitude(0xaa) == 32256);
}

TEST_CASE("the level is within a decibel of 10 log10 of the power") {
  CHECK(level_of_mean_square(0) == 127);
  CHECK(level_of_mean_square(uint64_t{1} << 30) == 0);
  for (double mean_square = 4; mean_square < 1e9; mean_square *= 1.3) {
    const double exact = -10 * std::log10(mean_square / (1 << 30));
    REQUIRE(std::abs(level_of_mean_square(static_cast<uint64_t>(mean_square)) - exact) < 2.0);
  }
}

}  // namespace
}  // namespace audio_latency
