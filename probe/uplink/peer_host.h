// Where a gRPC stream goes to.

#ifndef PROBE_UPLINK_PEER_HOST_H_
#define PROBE_UPLINK_PEER_HOST_H_

#include <optional>
#include <string>
#include <string_view>

namespace audio_latency::probe {

// The numeric address in what gRPC calls the peer: "ipv4:10.0.0.4:9095" gives "10.0.0.4",
// "ipv6:%5Bfe80::1%25eth0%5D:9095" gives "fe80::1%eth0". Nothing of another kind ("unix:…").
std::optional<std::string> HostOfPeer(std::string_view peer);

}  // namespace audio_latency::probe

#endif  // PROBE_UPLINK_PEER_HOST_H_
