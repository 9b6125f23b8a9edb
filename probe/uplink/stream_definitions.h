// What one stream has been told of interfaces and flows.

#ifndef PROBE_UPLINK_STREAM_DEFINITIONS_H_
#define PROBE_UPLINK_STREAM_DEFINITIONS_H_

#include <cstdint>

#include "absl/container/flat_hash_map.h"
#include "audio_latency/v1/probe.pb.h"
#include "probe/uplink/batch_queue.h"

namespace audio_latency::probe {

// One a stream: after a reconnection everything that is named is defined anew. A flow whose
// container was found out since is defined again. Not thread-safe.
class StreamDefinitions {
 public:
  // Makes `message` the batch together with the definitions that the stream does not have yet.
  void Complete(const OutgoingBatch& batch, v1::EventBatch* message);

 private:
  void DefineInterface(const Interface& interface, v1::EventBatch* message);

  // The version of its container by flow.
  absl::flat_hash_map<uint64_t, uint32_t> flows_;
  // The revision by index.
  absl::flat_hash_map<uint32_t, uint64_t> interfaces_;
};

}  // namespace audio_latency::probe

#endif  // PROBE_UPLINK_STREAM_DEFINITIONS_H_
