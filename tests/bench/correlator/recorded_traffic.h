// What three probes would send for many calls at once, as bytes of the wire.

#ifndef TESTS_BENCH_CORRELATOR_RECORDED_TRAFFIC_H_
#define TESTS_BENCH_CORRELATOR_RECORDED_TRAFFIC_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "correlator/endpoints/endpoint_directory.h"

namespace audio_latency::bench {

// Every call goes from its pod on node-a through a pod on node-b, which holds the audio for 40 ms,
// to a pod on node-c. Each piece of audio is seen at eight points: container and uplink of every
// leg.
struct TrafficOptions {
  uint32_t calls = 1000;
  uint32_t pods_per_workload = 50;
  uint32_t signatures_per_second = 250;  // of each call
  int64_t duration_ns = 3'000'000'000;
  int64_t report_period_ns = 50'000'000;
};

struct RecordedBatch {
  size_t node = 0;  // index into kNodeNames
  int64_t arrival_ns = 0;
  // A serialised StreamRequest.
  std::string bytes;
  size_t events = 0;
};

inline constexpr const char* kNodeNames[] = {"node-a", "node-b", "node-c"};

struct RecordedTraffic {
  int64_t start_ns = 0;
  std::vector<RecordedBatch> batches;  // in order of arrival
  size_t events = 0;
  std::unique_ptr<correlator::EndpointDirectory> directory;
};

RecordedTraffic RecordTraffic(const TrafficOptions& options);

}  // namespace audio_latency::bench

#endif  // TESTS_BENCH_CORRELATOR_RECORDED_TRAFFIC_H_
