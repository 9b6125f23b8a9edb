// What a test does to a cluster: pods that come, get addresses and go, and what owns them.

#ifndef TESTS_KUBERNETES_SUPPORT_TEST_CLUSTER_H_
#define TESTS_KUBERNETES_SUPPORT_TEST_CLUSTER_H_

#include <string>
#include <vector>

#include "nlohmann/json.hpp"
#include "tests/kubernetes/api_server/api_client.h"
#include "tests/kubernetes/support/objects.h"

namespace audio_latency::lab {

// One namespace of a cluster. What the API server refuses fails the test. Not thread-safe.
class TestCluster {
 public:
  // Makes the namespace, which must not be there yet. `client` must outlive this.
  explicit TestCluster(ApiClient* client, std::string namespace_name = "voice");

  const std::string& namespace_name() const { return namespace_; }

  // Creates the pod and, when it has an address, lets it run there. Its namespace is this one,
  // whatever `spec` says.
  void AddPod(PodSpec spec) const;
  // A pod of that name and address which nothing owns.
  void AddPod(const std::string& name, const std::string& address) const {
    AddPod({.name = name, .address = address});
  }
  void DeletePod(const std::string& name) const;
  // "apps/v1", "Deployment"; who is to own its pods.
  Owner AddController(const std::string& api_version, const std::string& kind,
                      const std::string& name, const std::vector<Owner>& owners = {}) const;
  // With an address of the cluster's own choice, which is returned.
  std::string AddService(const std::string& name, int port) const;

 private:
  std::string PathOf(const std::string& api_version, const std::string& plural) const;

  ApiClient* client_;
  std::string namespace_;
};

}  // namespace audio_latency::lab

#endif  // TESTS_KUBERNETES_SUPPORT_TEST_CLUSTER_H_
