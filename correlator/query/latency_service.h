// LatencyService (proto/audio_latency/v1/latency.proto) over snapshots of the stages.

#ifndef CORRELATOR_QUERY_LATENCY_SERVICE_H_
#define CORRELATOR_QUERY_LATENCY_SERVICE_H_

#include <memory>

#include "audio_latency/v1/latency.grpc.pb.h"
#include "common/time/clock.h"
#include "correlator/flows/flow_registry.h"
#include "correlator/ingest/node_reader.h"
#include "correlator/load/load_reader.h"
#include "correlator/matching/matching_reader.h"
#include "correlator/paths/path_reader.h"

namespace audio_latency::correlator {

// What the answers are made from; all must outlive the service.
struct QuerySources {
  // Not const: watching matches subscribes to them.
  PathReader& paths;
  const NodeReader& nodes;
  const FlowRegistry& flows;
  // The clock that matches are timed by, and the one that people read.
  const Clock& monotonic;
  const Clock& realtime;
  // Null in a replay (loss.h).
  const MatchingReader* matching = nullptr;
  const LoadReader* load = nullptr;
};

// Each watcher holds a thread of the server.
inline constexpr int kDefaultMaxWatchers = 64;

// Register it with a grpc::ServerBuilder. Bad arguments are INVALID_ARGUMENT, unknown paths and
// signatures NOT_FOUND, watchers beyond the limit RESOURCE_EXHAUSTED. Thread-safe.
class LatencyQueryService : public v1::LatencyService::Service {
 public:
  // Ends every WatchPaths and WatchMatches, now and from now on. Call it before grpc::Server's
  // Shutdown, which waits for them.
  virtual void StopWatchers() = 0;
};

std::unique_ptr<LatencyQueryService> MakeLatencyService(const QuerySources& sources,
                                                        int max_watchers = kDefaultMaxWatchers);

// Servers that are built from now on answer the health protocol and tell what they serve.
void EnableHealthAndReflection();

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_QUERY_LATENCY_SERVICE_H_
