// What a probe tells of a flow's container, checked.

#ifndef CORRELATOR_INGEST_CONTAINER_HINT_H_
#define CORRELATOR_INGEST_CONTAINER_HINT_H_

#include "absl/status/statusor.h"
#include "audio_latency/v1/probe.pb.h"
#include "correlator/endpoints/endpoint_directory.h"

namespace audio_latency::correlator {

// INVALID_ARGUMENT for what cannot be a container's id or a pod's uid, name or namespace: they end
// up in logs, labels and on terminals. The error quotes none of it.
absl::StatusOr<ContainerHint> ReadContainerHint(const v1::ContainerIdentity& told);

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_INGEST_CONTAINER_HINT_H_
