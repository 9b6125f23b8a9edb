// What readers (metrics, queries) see of hops and paths: plain copies.

#ifndef CORRELATOR_PATHS_SNAPSHOT_H_
#define CORRELATOR_PATHS_SNAPSHOT_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "correlator/endpoints/endpoint_directory.h"

namespace audio_latency::correlator {

// Upper bounds of the Prometheus histograms, in seconds: 100 µs to 10 s, with 0.15 and 0.4 of ITU-T
// G.114.
inline constexpr std::array<double, 20> kDelayBucketsSeconds = {
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.025, 0.05,
    0.075,  0.1,     0.15,   0.25,  0.4,    0.5,   1,    2.5,  5,     10};

enum class HopKind : uint8_t { kTransit, kProcessing };

struct DelaySnapshot {
  double count = 0;
  double p50_seconds = 0;
  double p90_seconds = 0;
  double p95_seconds = 0;
  double p99_seconds = 0;
  double max_seconds = 0;
  double min_seconds = 0;
  double mean_seconds = 0;
  double negative_count = 0;
  // Clock error: in a window the samples' largest; since the start what 99.9 % of them keep, so
  // that a bad moment is not held against them for ever. Infinite: not known.
  double error_bound_seconds = 0;
  // Cumulative since the start whatever the window, for Prometheus: one per kDelayBucketsSeconds,
  // not summed up, then the overflow bucket; and the sum of all samples.
  std::array<double, kDelayBucketsSeconds.size() + 1> buckets = {};
  double sum_seconds = 0;
};

struct HopSnapshot {
  HopKind kind = HopKind::kTransit;
  Endpoint source;
  Endpoint destination;
  DelaySnapshot delay;
};

struct PathSnapshot {
  std::string path;  // "ingress > processor > egress"
  DelaySnapshot delay;
  double coverage = 0;
  // Unix time of the last sample.
  int64_t last_seen_unix_ns = 0;
  // Endpoints by workload: pod, node and address are empty where several share the hop.
  std::vector<HopSnapshot> hops;
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_PATHS_SNAPSHOT_H_
