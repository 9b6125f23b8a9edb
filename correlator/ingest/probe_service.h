// ProbeService (proto/audio_latency/v1/probe.proto) over gRPC.

#ifndef CORRELATOR_INGEST_PROBE_SERVICE_H_
#define CORRELATOR_INGEST_PROBE_SERVICE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "audio_latency/v1/probe.grpc.pb.h"
#include "common/signature/signature_parameters.h"
#include "common/time/clock.h"
#include "correlator/ingest/clock_sessions.h"
#include "correlator/ingest/node_table.h"

namespace audio_latency::correlator {

// Larger messages end the stream: to be set as the server's limit.
inline constexpr int kMaxMessageBytes = 4 << 20;

struct ProbeServiceOptions {
  SignatureParameters signature;
  // Streams open at once, with or without Hello.
  uint32_t max_streams = 2000;
  // Drawn at random at each start.
  std::string correlator_instance;
  // Null: the time is asked for on the stream only.
  ClockSessions* clock_sessions = nullptr;
};

// Register it with a grpc::ServerBuilder. All that it is given pointers to must outlive it.
std::unique_ptr<v1::ProbeService::CallbackService> MakeProbeService(
    NodeTable* nodes, const Clock* monotonic_clock, const ProbeServiceOptions& options);

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_INGEST_PROBE_SERVICE_H_
