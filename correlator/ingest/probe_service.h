// ProbeService (proto/audio_latency/v1/probe.proto) over gRPC.

#ifndef CORRELATOR_INGEST_PROBE_SERVICE_H_
#define CORRELATOR_INGEST_PROBE_SERVICE_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "audio_latency/v1/probe.grpc.pb.h"
#include "common/logging/limited_logger.h"
#include "common/signature/signature_parameters.h"
#include "common/time/clock.h"
#include "correlator/ingest/clock_sessions.h"
#include "correlator/ingest/node_table.h"

namespace audio_latency::correlator {

// Larger messages end the stream, and are counted.
inline constexpr int kMaxMessageBytes = 4 << 20;
// To be set as the server's limit: what gRPC does not read at all, and no service can count. Little
// above the other, since a message of empty parts grows to a hundred times its size when it is
// read.
inline constexpr int kTransportMaxMessageBytes = kMaxMessageBytes + (64 << 10);

struct ProbeServiceOptions {
  SignatureParameters signature;
  // Streams open at once, with or without Hello.
  uint32_t max_streams = 2000;
  // Of which those that have not said Hello yet: of one certificate, and where one address or one
  // certificate may be many probes, of one address.
  uint32_t max_waiting_streams_per_certificate = 4;
  uint32_t max_waiting_streams_per_address = 64;
  // Drawn at random at each start.
  std::string correlator_instance;
  // Null: the time is asked for on the stream only.
  ClockSessions* clock_sessions = nullptr;
  // A stream that has not said Hello by then is ended.
  std::chrono::milliseconds hello_patience{10'000};
  // Over TLS: whether any certificate may report as any node, instead of the one that it names.
  bool one_certificate_for_all_probes = false;
  // Who came, went and was refused; nullptr: nobody wants to know.
  LimitedLogger* logger = nullptr;
};

// Register it with a grpc::ServerBuilder. What the pointers, those of `options` too, lead to must
// outlive it. Certificates are judged before, by the server.
std::unique_ptr<v1::ProbeService::CallbackService> MakeProbeService(
    NodeTable* nodes, const Clock* realtime_clock, const Clock* monotonic_clock,
    const ProbeServiceOptions& options);

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_INGEST_PROBE_SERVICE_H_
