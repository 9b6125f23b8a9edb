#include "common/version/version.h"

#include <catch2/catch.hpp>
#include <regex>
#include <string>

TEST_CASE("the version is three numbers") {
  CHECK(std::regex_match(std::string(audio_latency::Version()), std::regex(R"(\d+\.\d+\.\d+)")));
}
