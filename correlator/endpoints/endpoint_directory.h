// Who is at an address.

#ifndef CORRELATOR_ENDPOINTS_ENDPOINT_DIRECTORY_H_
#define CORRELATOR_ENDPOINTS_ENDPOINT_DIRECTORY_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/address/ip_address.h"

namespace audio_latency::correlator {

// One end of a conversation. Unknown names are empty; the address is always there.
struct Endpoint {
  std::string pod;
  std::string namespace_name;
  std::string workload_kind;  // "Deployment", "StatefulSet", …
  std::string workload;
  std::string node;
  IpAddress address;

  // The name that a path shows: workload, else pod, else address.
  std::string PathName() const;

  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

// Thread-safe.
class EndpointDirectory {
 public:
  virtual ~EndpointDirectory() = default;

  // The endpoint that held `address` at `unix_time_ns`; an unknown address comes back as itself.
  virtual Endpoint Resolve(const IpAddress& address, uint16_t port, int64_t unix_time_ns) const = 0;
};

// Reads a YAML file:
//   endpoints:
//     - address: 10.0.1.5
//       pod: ingress-1
//       namespace: voice
//       workload: ingress          # optional, as are workload_kind and node
//       node: node-a
// Unknown keys, bad or repeated addresses are errors that name the file and the line.
absl::StatusOr<std::unique_ptr<EndpointDirectory>> LoadEndpointFile(const std::string& path);

// Knows no names.
std::unique_ptr<EndpointDirectory> MakeEmptyDirectory();

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_ENDPOINTS_ENDPOINT_DIRECTORY_H_
