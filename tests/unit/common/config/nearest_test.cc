#include <catch2/catch.hpp>

#include "common/config/config.h"
#include "common/config/edit_distance.h"

namespace audio_latency {
namespace {

TEST_CASE("edit distance counts letters") {
  using config_internal::EditDistance;
  CHECK(EditDistance("", "") == 0);
  CHECK(EditDistance("", "abc") == 3);
  CHECK(EditDistance("abc", "") == 3);
  CHECK(EditDistance("kitten", "sitting") == 3);
  CHECK(EditDistance("METRICS_PORT", "metrics-port") == 0);
}

TEST_CASE("the nearest name is found, a far one is not") {
  const std::vector<std::string> names = {"metrics_port", "log_level", "interface", "node"};
  CHECK(Nearest("metric_port", names) == "metrics_port");
  CHECK(Nearest("loglevel", names) == "log_level");
  CHECK(Nearest("interfaces", names) == "interface");
  CHECK(Nearest("METRICS-PORT", names) == "metrics_port");
  CHECK(Nearest("frobnicate", names).empty());
  CHECK(Nearest("", names).empty());
  CHECK(Nearest("node", {}).empty());
  CHECK(Nearest("xyz", std::vector<std::string>{"abc"}).empty());
}

}  // namespace
}  // namespace audio_latency
