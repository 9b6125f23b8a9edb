// Signature events as they come, and as they never should, for the tests of the columns.

#ifndef TESTS_UNIT_COMMON_WIRE_RANDOM_EVENTS_H_
#define TESTS_UNIT_COMMON_WIRE_RANDOM_EVENTS_H_

#include <cstdint>
#include <random>
#include <vector>

#include "common/wire/event_columns.h"

namespace audio_latency::wire {

struct TestBatch {
  std::vector<WireEvent> events;
  std::vector<uint64_t> flow_ids;
  std::vector<uint8_t> flow_is_rtp;
};

// Any field may have any value that travels; times are whole units, so that they come out equal.
TestBatch RandomBatch(std::mt19937_64* random, size_t most_events, size_t most_flows);

// `flows` TCP streams of 16 kHz 16-bit audio in segments of `segment_bytes`, one window in
// `bytes_per_window` on average, for `duration_ns`.
TestBatch TcpTraffic(size_t flows, uint32_t segment_bytes, int bytes_per_window,
                     int64_t duration_ns, std::mt19937_64* random);

// `flows` RTP streams of G.711 in packets of 20 ms, one window in `bytes_per_window` on average.
TestBatch RtpTraffic(size_t flows, int bytes_per_window, int64_t duration_ns,
                     std::mt19937_64* random);

}  // namespace audio_latency::wire

#endif  // TESTS_UNIT_COMMON_WIRE_RANDOM_EVENTS_H_
