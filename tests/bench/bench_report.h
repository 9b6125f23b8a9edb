// The results of benchmarks: build/bench.json and its table.

#ifndef TESTS_BENCH_BENCH_REPORT_H_
#define TESTS_BENCH_BENCH_REPORT_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace audio_latency::bench {

struct Measurement {
  std::string name;  // "bpf/early_exit"
  std::string unit;  // "ns/packet", "events/s"
  double min = 0;
  double median = 0;
  double max = 0;

  friend bool operator==(const Measurement&, const Measurement&) = default;
};

// A JSON list of {"name","unit","min","median","max"}; an error tells which entry is not one.
absl::StatusOr<std::vector<Measurement>> ParseMeasurements(std::string_view json);
std::string MeasurementsJson(const std::vector<Measurement>& measurements);

// A header, and a line a measurement. Numbers beyond 10,000 are written in thousands or millions.
std::string MeasurementsTable(const std::vector<Measurement>& measurements);

}  // namespace audio_latency::bench

#endif  // TESTS_BENCH_BENCH_REPORT_H_
