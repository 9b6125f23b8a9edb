#include "tests/bench/bench_report.h"

#include <catch2/catch.hpp>
#include <string>

namespace audio_latency::bench {
namespace {

TEST_CASE("measurements survive being written and read") {
  const std::vector<Measurement> measurements = {
      {"bpf/early_exit", "ns/packet", 20.5, 21, 30},
      {"correlator/events_per_second_per_core", "events/s", 5e6, 6e6, 7e6}};
  const auto read = ParseMeasurements(MeasurementsJson(measurements));
  REQUIRE(read.ok());
  CHECK(*read == measurements);
}

TEST_CASE("what is no list of measurements is refused") {
  CHECK_FALSE(ParseMeasurements("").ok());
  CHECK_FALSE(ParseMeasurements("{}").ok());
  CHECK_FALSE(ParseMeasurements(R"([{"name":"a","unit":"ns","min":1,"median":"2","max":3}])").ok());
}

TEST_CASE("the table has a line a measurement, and room for the longest name") {
  const std::string longest = "bpf/verified_instructions/capture_ingress_ip";
  const std::string table =
      MeasurementsTable({{"a", "ns", 1, 123.4, 98765}, {longest, "events/s", 5e6, 6.5e6, 7e6}});
  CHECK(table ==
        "benchmark                                                 min       median          max  "
        "unit\n"
        "a                                                        1.00          123       98.8 k  "
        "ns\n"
        "bpf/verified_instructions/capture_ingress_ip           5.00 M       6.50 M       7.00 M  "
        "events/s\n");
}

}  // namespace
}  // namespace audio_latency::bench
