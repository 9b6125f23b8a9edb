#include "correlator/cli/human_units.h"

#include <catch2/catch.hpp>
#include <limits>

namespace audio_latency::correlator {
namespace {

TEST_CASE("delays have three digits and a unit that suits") {
  CHECK(FormatSeconds(0) == "0 µs");
  CHECK(FormatSeconds(0.0412) == "41.2 ms");
  CHECK(FormatSeconds(0.00031) == "310 µs");
  CHECK(FormatSeconds(2e-6) == "2.00 µs");
  CHECK(FormatSeconds(256e-9) == "256 ns");
  CHECK(FormatSeconds(1.2345) == "1.23 s");
  CHECK(FormatSeconds(12.345) == "12.3 s");
  CHECK(FormatSeconds(1234.5) == "1234 s");
  CHECK(FormatSeconds(-0.0005) == "-500 µs");
  CHECK(FormatSeconds(1e-10) == "<1 ns");
  CHECK(FormatSeconds(-1e-10) == ">-1 ns");
  CHECK(FormatSeconds(std::numeric_limits<double>::infinity()) == "?");
}

TEST_CASE("what rounds up gets the next unit") {
  CHECK(FormatSeconds(0.00099949) == "999 µs");
  CHECK(FormatSeconds(0.0009996) == "1.00 ms");
  CHECK(FormatSeconds(0.9999) == "1.00 s");
  CHECK(FormatSeconds(0.009999) == "10.0 ms");
  CHECK(FormatSeconds(0.09999) == "100 ms");
}

TEST_CASE("only none and all are round shares") {
  CHECK(FormatShare(0) == "0 %");
  CHECK(FormatShare(1) == "100 %");
  CHECK(FormatShare(0.995) == "99.5 %");
  CHECK(FormatShare(0.0001) == "<0.1 %");
  CHECK(FormatShare(0.99999) == ">99.9 %");
  CHECK(FormatShare(0.5) == "50.0 %");
}

TEST_CASE("counts are whole") {
  CHECK(FormatCount(0) == "0");
  CHECK(FormatCount(1234) == "1234");
  CHECK(FormatCount(1e15) == "1000000000000000");
}

TEST_CASE("ages are rough") {
  CHECK(FormatAge(0, 1000) == "never");
  CHECK(FormatAge(1000, 1000.5) == "now");
  CHECK(FormatAge(1005, 1000) == "now");
  CHECK(FormatAge(1000, 1012.9) == "12 s ago");
  CHECK(FormatAge(1000, 1000 + 200) == "3 min ago");
  CHECK(FormatAge(1000, 1000 + 3 * 3600) == "3 h ago");
  CHECK(FormatAge(1000, 1000 + 50 * 3600) == "2 d ago");
}

}  // namespace
}  // namespace audio_latency::correlator
