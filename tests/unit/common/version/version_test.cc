#include "common/version/version.h"

#include <catch2/catch.hpp>
#include <cstdio>
#include <string>

TEST_CASE("the version is three numbers") {
  const std::string version(audio_latency::Version());
  unsigned major = 0;
  unsigned minor = 0;
  unsigned patch = 0;
  int length = 0;
  CHECK(std::sscanf(version.c_str(), "%u.%u.%u%n", &major, &minor, &patch, &length) == 3);
  CHECK(length == static_cast<int>(version.size()));
}
