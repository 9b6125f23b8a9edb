// A directory whose addresses change hands.

#ifndef TESTS_UNIT_CORRELATOR_TESTING_CHANGING_DIRECTORY_H_
#define TESTS_UNIT_CORRELATOR_TESTING_CHANGING_DIRECTORY_H_

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "correlator/endpoints/endpoint_directory.h"

namespace audio_latency::correlator::testing {

// Thread-safe. An address is nobody's until it is given to somebody.
class ChangingDirectory final : public EndpointDirectory {
 public:
  // From `since_unix_ns` on the address is the endpoint's; times must grow.
  void Give(const std::string& address, Endpoint endpoint,
            int64_t since_unix_ns = Resolution::kAlways) {
    const std::scoped_lock lock(mutex_);
    endpoint.address = *IpAddress::Parse(address);
    owners_[address].push_back({.endpoint = std::move(endpoint), .since_unix_ns = since_unix_ns});
    ++version_;
  }
  void GivePod(const std::string& address, const std::string& pod, const std::string& workload,
               int64_t since_unix_ns = Resolution::kAlways) {
    Endpoint endpoint;
    endpoint.pod = pod;
    endpoint.namespace_name = "voice";
    endpoint.workload = workload;
    endpoint.workload_kind = workload.empty() ? "" : "Deployment";
    endpoint.pod_uid = "uid-of-" + pod;
    Give(address, endpoint, since_unix_ns);
  }
  void GiveService(const std::string& address, const std::string& service) {
    Endpoint endpoint;
    endpoint.service = service;
    endpoint.namespace_name = "voice";
    Give(address, endpoint);
  }
  // Nobody's any more.
  void Take(const std::string& address, int64_t since_unix_ns) {
    Give(address, Endpoint(), since_unix_ns);
  }

  Resolution Resolve(const EndpointQuery& query) const override {
    const std::scoped_lock lock(mutex_);
    Resolution resolution;
    resolution.endpoint.address = query.address;
    if (const auto owners = owners_.find(query.address.ToString()); owners != owners_.end()) {
      for (const Resolution& owner : owners->second) {
        if (owner.since_unix_ns <= query.unix_time_ns) {
          resolution = owner;
        }
      }
    }
    if (!query.container.pod.empty() && resolution.endpoint.pod.empty()) {
      resolution.endpoint.pod = query.container.pod;
      resolution.endpoint.namespace_name = query.container.namespace_name;
      resolution.endpoint.pod_uid = query.container.pod_uid;
    }
    return resolution;
  }
  uint64_t Version() const override {
    const std::scoped_lock lock(mutex_);
    return version_;
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::vector<Resolution>> owners_;
  uint64_t version_ = 1;
};

}  // namespace audio_latency::correlator::testing

#endif  // TESTS_UNIT_CORRELATOR_TESTING_CHANGING_DIRECTORY_H_
