// What is read of the objects of a Kubernetes API server. Plain values.

#ifndef CORRELATOR_KUBERNETES_API_OBJECT_H_
#define CORRELATOR_KUBERNETES_API_OBJECT_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/address/ip_address.h"
#include "correlator/kubernetes/uid.h"

namespace audio_latency::correlator {

// The kinds that are listed and watched. X(constant, plural, path, whether only metadata is asked)
#define KUBERNETES_RESOURCES(X)                                     \
  X(kPods, "pods", "/api/v1/pods", false)                           \
  X(kReplicaSets, "replicasets", "/apis/apps/v1/replicasets", true) \
  X(kJobs, "jobs", "/apis/batch/v1/jobs", true)                     \
  X(kServices, "services", "/api/v1/services", false)               \
  X(kNodes, "nodes", "/api/v1/nodes", false)

enum class Resource : uint8_t {
#define KUBERNETES_RESOURCE_ENUM(constant, plural, path, metadata_only) constant,
  KUBERNETES_RESOURCES(KUBERNETES_RESOURCE_ENUM)
#undef KUBERNETES_RESOURCE_ENUM
};

struct ResourceFacts {
  Resource resource;
  std::string_view plural;
  std::string_view path;
  bool metadata_only;
};

inline constexpr std::array kResources = {
#define KUBERNETES_RESOURCE_FACTS(constant, plural, path, metadata_only) \
  ResourceFacts{Resource::constant, plural, path, metadata_only},
    KUBERNETES_RESOURCES(KUBERNETES_RESOURCE_FACTS)
#undef KUBERNETES_RESOURCE_FACTS
};

inline constexpr const ResourceFacts& FactsOf(Resource resource) {
  return kResources[static_cast<size_t>(resource)];
}

// The owner that manages an object (ownerReferences with controller: true).
struct OwnerReference {
  std::string kind;
  std::string name;
  Uid uid;

  friend bool operator==(const OwnerReference&, const OwnerReference&) = default;
};

// A port that a container declares, or a service has. 0: not given.
struct DeclaredPort {
  uint16_t port = 0;
  // Of the node: hostPort of a container, nodePort of a service.
  uint16_t node_port = 0;
  // IP protocol number: 6, 17 or 132.
  uint8_t transport = 0;

  friend bool operator==(const DeclaredPort&, const DeclaredPort&) = default;
};

// Fields that its kind does not have are empty.
struct ApiObject {
  // No object holds more of them; the rest is left out.
  static constexpr size_t kMaxAddresses = 64;
  static constexpr size_t kMaxPorts = 256;

  std::string name;
  // Empty for nodes.
  std::string namespace_name;
  Uid uid;
  std::string resource_version;
  std::optional<OwnerReference> controller;
  // By the API server's clock, in whole seconds; 0: not given.
  int64_t created_unix_ns = 0;

  // podIPs, clusterIPs with what else leads to the service, or a node's addresses; none twice.
  std::vector<IpAddress> addresses;
  // Of the containers, or of the service.
  std::vector<DeclaredPort> ports;

  // Of pods.
  std::string node_name;
  bool host_network = false;
  // Succeeded or Failed: it runs no more, although its addresses still stand there.
  bool is_terminal = false;
  // The addresses of its node, as the pod's status tells them.
  std::vector<IpAddress> node_addresses;
  // When its node took it, by that node's clock, in whole seconds; 0: not given.
  int64_t started_unix_ns = 0;
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_KUBERNETES_API_OBJECT_H_
