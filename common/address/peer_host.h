// Whom a gRPC stream is with.

#ifndef COMMON_ADDRESS_PEER_HOST_H_
#define COMMON_ADDRESS_PEER_HOST_H_

#include <optional>
#include <string>
#include <string_view>

namespace audio_latency {

// The numeric address in what gRPC calls the peer: "ipv4:10.0.0.4:9095" gives "10.0.0.4",
// "ipv6:%5Bfe80::1%25eth0%5D:9095" gives "fe80::1%eth0". Nothing of another kind ("unix:…").
std::optional<std::string> HostOfPeer(std::string_view peer);

// Whose the peer is: the text of its address's holder (IpAddress::Holder), so that one host cannot
// count as many. What has no address is its own.
std::string HolderOfPeer(std::string_view peer);

}  // namespace audio_latency

#endif  // COMMON_ADDRESS_PEER_HOST_H_
