// Who is at an address.

#ifndef CORRELATOR_ENDPOINTS_ENDPOINT_DIRECTORY_H_
#define CORRELATOR_ENDPOINTS_ENDPOINT_DIRECTORY_H_

#include <cstdint>
#include <limits>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/address/ip_address.h"

namespace audio_latency::correlator {

// One end of a conversation. Unknown names are empty; the address is always there.
struct Endpoint {
  std::string pod;
  // Of the pod, or of the service.
  std::string namespace_name;
  std::string workload_kind;  // "Deployment", "StatefulSet", …
  std::string workload;
  std::string node;
  IpAddress address;
  // The Kubernetes Service that the address is a ClusterIP of; there is no pod then.
  std::string service;
  // Of the pod.
  std::string pod_uid;
  // The address is a node's, and which of the programs there it was cannot be told (hostNetwork):
  // the node is known, the pod is empty.
  bool ambiguous = false;

  // The name that a path shows: workload, else pod, else service, else "node-b (host)" when it is
  // ambiguous, else address.
  std::string PathName() const;

  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

// What a probe tells of the container at the other end of an interface. What it does not know is
// empty.
struct ContainerHint {
  std::string pod_uid;
  std::string namespace_name;
  std::string pod;

  bool empty() const { return pod_uid.empty() && pod.empty(); }
  friend bool operator==(const ContainerHint&, const ContainerHint&) = default;
};

// Who is asked for.
struct EndpointQuery {
  IpAddress address;
  uint16_t port = 0;
  uint8_t transport = 0;  // IP protocol number
  int64_t unix_time_ns = 0;
  // Of the interface at which this end was seen to begin or end; empty where that is elsewhere.
  ContainerHint container;
  // The node whose probe saw it: addresses such as 127.0.0.1 mean something else on every node.
  std::string observing_node;
};

struct Resolution {
  static constexpr int64_t kAlways = std::numeric_limits<int64_t>::min();

  Endpoint endpoint;
  // Since when the answer has been this one (Unix time); kAlways where there was no other.
  int64_t since_unix_ns = kAlways;
};

// Thread-safe.
class EndpointDirectory {
 public:
  virtual ~EndpointDirectory() = default;

  // The endpoint that held the address at that time; an unknown address comes back as itself.
  virtual Resolution Resolve(const EndpointQuery& query) const = 0;
  // Another number than before whenever an answer may have become another one. Those whose answers
  // stay need not tell.
  virtual uint64_t Version() const { return 0; }
};

// Reads a YAML file:
//   endpoints:
//     - address: 10.0.1.5
//       pod: ingress-1
//       namespace: voice
//       workload: ingress          # optional, as are workload_kind and node
//       node: node-a
//     - address: 10.96.0.7           # the ClusterIP of a Service: no pod, workload or node
//       service: processor
//       namespace: voice
// Unknown keys, bad or repeated addresses are errors that name the file and the line.
absl::StatusOr<std::unique_ptr<EndpointDirectory>> LoadEndpointFile(const std::string& path);

// Knows no names.
std::unique_ptr<EndpointDirectory> MakeEmptyDirectory();

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_ENDPOINTS_ENDPOINT_DIRECTORY_H_
