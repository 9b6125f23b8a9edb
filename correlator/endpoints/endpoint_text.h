// How an endpoint is written in labels and log lines.

#ifndef CORRELATOR_ENDPOINTS_ENDPOINT_TEXT_H_
#define CORRELATOR_ENDPOINTS_ENDPOINT_TEXT_H_

#include <string>
#include <string_view>

#include "correlator/endpoints/endpoint_directory.h"
#include "fmt/format.h"

namespace audio_latency::correlator {

// What stands where a pod's name is asked for: the pod, else what PathName says.
inline std::string PodText(const Endpoint& endpoint) {
  return endpoint.pod.empty() ? endpoint.PathName() : endpoint.pod;
}

// "Deployment/audio-service"; without its kind where that is not known; empty without a workload.
inline std::string WorkloadText(const Endpoint& endpoint) {
  return endpoint.workload.empty() || endpoint.workload_kind.empty()
             ? endpoint.workload
             : fmt::format("{}/{}", endpoint.workload_kind, endpoint.workload);
}

// Adds "src_pod", "src_namespace", "src_workload" and "src_service" for the prefix "src"; what is
// not known is left out. `Json` is an object of nlohmann's.
template <typename Json>
void AddEndpointFields(std::string_view prefix, const Endpoint& endpoint, Json* fields) {
  const auto set = [&](std::string_view name, const std::string& value) {
    if (!value.empty()) {
      (*fields)[fmt::format("{}_{}", prefix, name)] = value;
    }
  };
  set("pod", endpoint.pod);
  set("namespace", endpoint.namespace_name);
  set("workload", WorkloadText(endpoint));
  set("service", endpoint.service);
}

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_ENDPOINTS_ENDPOINT_TEXT_H_
