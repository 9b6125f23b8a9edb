#include "common/wire/varint.h"

#include <catch2/catch.hpp>
#include <limits>
#include <vector>

namespace audio_latency::wire {
namespace {

ByteReader ReaderOf(const std::string& text) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(text.data());
  return {bytes, bytes + text.size()};
}

TEST_CASE("numbers of every length come back") {
  std::vector<uint64_t> numbers = {0, 1, std::numeric_limits<uint64_t>::max()};
  for (int bit = 0; bit < 64; ++bit) {
    numbers.push_back(uint64_t{1} << bit);
    numbers.push_back((uint64_t{1} << bit) - 1);
  }
  std::string text;
  for (const uint64_t number : numbers) {
    AppendVarint(number, &text);
  }
  ByteReader reader = ReaderOf(text);
  for (const uint64_t number : numbers) {
    CHECK(reader.Varint() == number);
  }
  CHECK(reader.at_end());
  CHECK_FALSE(reader.failed());
}

TEST_CASE("small numbers of either sign are short") {
  for (const int64_t number : {int64_t{0}, int64_t{-1}, int64_t{1}, int64_t{-64}, int64_t{63}}) {
    CHECK(Zigzag(number) < 128);
  }
  for (const int64_t number :
       {int64_t{0}, int64_t{-1}, std::numeric_limits<int64_t>::max(),
        std::numeric_limits<int64_t>::min(), int64_t{123456789}, int64_t{-123456789}}) {
    CHECK(Unzigzag(Zigzag(number)) == number);
  }
}

TEST_CASE("numbers that do not end, or do not fit, fail for good") {
  const std::string too_long(11, '\x80');
  const std::string too_large = std::string(9, '\xff') + '\x02';
  for (const std::string& text :
       {std::string(), std::string("\x80"), std::string(9, '\xff'), too_long, too_large}) {
    ByteReader reader = ReaderOf(text);
    CHECK(reader.Varint() == 0);
    CHECK(reader.failed());
    CHECK(reader.Byte() == 0);
    CHECK(reader.failed());
  }
}

}  // namespace
}  // namespace audio_latency::wire
