// Objects as a Kubernetes API server takes and keeps them.

#ifndef TESTS_KUBERNETES_SUPPORT_OBJECTS_H_
#define TESTS_KUBERNETES_SUPPORT_OBJECTS_H_

#include <string>
#include <vector>

#include "nlohmann/json.hpp"

namespace audio_latency::lab {

// Who made an object: ownerReferences with controller: true.
struct Owner {
  std::string api_version;  // "apps/v1"
  std::string kind;         // "ReplicaSet"
  std::string name;
  std::string uid;
};

struct PodSpec {
  std::string namespace_name = "voice";
  std::string name = {};
  // Empty: none yet, and no scheduler is to find one.
  std::string node = "node-a";
  // Empty: not yet given.
  std::string address = {};
  std::vector<Owner> owners = {};
  bool host_network = false;
  // Declared by its container: TCP and UDP.
  std::vector<int> ports = {};
};

nlohmann::json NamespaceObject(const std::string& name);
// As a controller creates it; no status.
nlohmann::json PodObject(const PodSpec& spec);
// What a kubelet writes once it runs: phase, podIP, podIPs, hostIP (`host_address`).
nlohmann::json RunningStatus(const PodSpec& spec, const std::string& host_address);
// Something that makes pods: a Deployment, ReplicaSet, StatefulSet, DaemonSet, Job, CronJob.
nlohmann::json ControllerObject(const std::string& api_version, const std::string& kind,
                                const std::string& namespace_name, const std::string& name,
                                const std::vector<Owner>& owners = {});

}  // namespace audio_latency::lab

#endif  // TESTS_KUBERNETES_SUPPORT_OBJECTS_H_
