#include "correlator/endpoints/endpoint_directory.h"

#include "correlator/endpoints/container_name.h"

namespace audio_latency::correlator {
namespace {

class EmptyDirectory final : public EndpointDirectory {
 public:
  Resolution Resolve(const EndpointQuery& query) const override {
    Resolution unknown;
    unknown.endpoint.address = query.address;
    NameByContainer(query.container, &unknown.endpoint);
    return unknown;
  }
};

}  // namespace

std::string Endpoint::PathName() const {
  if (!workload.empty()) {
    return workload;
  }
  if (!pod.empty()) {
    return pod;
  }
  if (!service.empty()) {
    return service;
  }
  return ambiguous && !node.empty() ? node + " (host)" : address.ToString();
}

std::unique_ptr<EndpointDirectory> MakeEmptyDirectory() {
  return std::make_unique<EmptyDirectory>();
}

}  // namespace audio_latency::correlator
