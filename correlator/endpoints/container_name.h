// The name that a probe has for a pod.

#ifndef CORRELATOR_ENDPOINTS_CONTAINER_NAME_H_
#define CORRELATOR_ENDPOINTS_CONTAINER_NAME_H_

#include "correlator/endpoints/endpoint_directory.h"

namespace audio_latency::correlator {

// Names an endpoint without a name after the pod that the probe of its node tells of, which its
// kubelet named. Does nothing where the endpoint has a name, or the pod none.
inline void NameByContainer(const ContainerHint& container, Endpoint* endpoint) {
  if (!endpoint->pod.empty() || !endpoint->service.empty() || container.pod.empty()) {
    return;
  }
  endpoint->pod = container.pod;
  endpoint->namespace_name = container.namespace_name;
  endpoint->pod_uid = container.pod_uid;
  endpoint->ambiguous = false;
}

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_ENDPOINTS_CONTAINER_NAME_H_
