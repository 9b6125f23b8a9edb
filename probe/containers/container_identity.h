// Which container a process, a socket or an interface belongs to.

#ifndef PROBE_CONTAINERS_CONTAINER_IDENTITY_H_
#define PROBE_CONTAINERS_CONTAINER_IDENTITY_H_

#include <string>

namespace audio_latency::probe {

enum class ContainerRuntime {
  // Of whom it is cannot be told from the name of the cgroup.
  kUnknown,
  kDocker,
  kContainerd,
  kCrio,
};

// What the name of a container's cgroup tells. What it does not tell is empty.
struct ContainerIdentity {
  ContainerRuntime runtime = ContainerRuntime::kUnknown;
  // 64 hexadecimal digits; empty for what is in a pod's cgroup, but in none of its containers'.
  std::string container_id;
  // "1858680e-b044-4fd5-9dd4-f137e30e2180"; of a static pod 32 hexadecimal digits; empty for a
  // container that is in no pod.
  std::string pod_uid;

  friend bool operator==(const ContainerIdentity&, const ContainerIdentity&) = default;
};

// A pod's name, as the kubelet tells it.
struct PodName {
  std::string namespace_name;
  std::string pod;

  bool empty() const { return pod.empty(); }
  friend bool operator==(const PodName&, const PodName&) = default;
};

}  // namespace audio_latency::probe

#endif  // PROBE_CONTAINERS_CONTAINER_IDENTITY_H_
