#include "correlator/endpoints/endpoint_directory.h"

namespace audio_latency::correlator {
namespace {

class EmptyDirectory final : public EndpointDirectory {
 public:
  Endpoint Resolve(const IpAddress& address, uint16_t /*port*/,
                   int64_t /*unix_time_ns*/) const override {
    Endpoint endpoint;
    endpoint.address = address;
    return endpoint;
  }
};

}  // namespace

std::string Endpoint::PathName() const {
  if (!workload.empty()) {
    return workload;
  }
  return pod.empty() ? address.ToString() : pod;
}

std::unique_ptr<EndpointDirectory> MakeEmptyDirectory() {
  return std::make_unique<EmptyDirectory>();
}

}  // namespace audio_latency::correlator
