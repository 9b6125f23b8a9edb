// Reads a Kubernetes list of pods as it comes.

#ifndef PROBE_CONTAINERS_POD_LIST_READER_H_
#define PROBE_CONTAINERS_POD_LIST_READER_H_

#include <cstdio>

#include "absl/status/status.h"
#include "probe/containers/kubelet_client.h"

namespace audio_latency::probe {

// Reads a v1 PodList in JSON from `file` to its end and calls `visit` with the uid and the name of
// each item, holding no more of it than one string. INVALID_ARGUMENT where it is none.
absl::Status ReadPodList(std::FILE* file, const KubeletClient::Visit& visit);

}  // namespace audio_latency::probe

#endif  // PROBE_CONTAINERS_POD_LIST_READER_H_
