// What the interfaces of a captured node face: a pod, or the rest of the world.

#ifndef CORRELATOR_REPLAY_ROLE_GUESS_H_
#define CORRELATOR_REPLAY_ROLE_GUESS_H_

#include <cstdint>
#include <optional>
#include <span>

#include "absl/container/flat_hash_map.h"
#include "common/address/ip_address.h"
#include "correlator/flows/flow_registry.h"

namespace audio_latency::correlator {

// What an IP header tells of where a packet was before.
struct IpGlance {
  IpAddress source;
  IpAddress destination;
  // IPv4's time to live, IPv6's hop limit.
  uint8_t hops_left = 0;
};

// Of an Ethernet frame, through up to two VLAN tags. Nothing when it is cut short, or is not TCP or
// UDP from one host to another: what hosts and routers tell their neighbours (multicast, link-local
// and unspecified addresses, IGMP, neighbour discovery) says nothing of where audio comes from.
std::optional<IpGlance> GlanceAtIp(std::span<const uint8_t> ethernet);

// Captures that tell a packet's direction (cooked ones, and pcapng that says so) do not tell what
// their interfaces face. Routers count hops down, hence: a packet that comes in as it was first
// sent (64, 128 or 255 hops left) is from the one who is behind that interface, who is a pod when
// nobody else is there; a packet that goes out so without having come in was sent by the node
// itself. Single packets decide nothing: one in kMostOf may be odd. Not thread-safe; one for each
// node.
class RoleGuess {
 public:
  // Addresses that are remembered; of others nothing is known.
  static constexpr size_t kMaxAddresses = 65536;
  // At least all but one of so many packets must agree.
  static constexpr uint64_t kMostOf = 20;

  // Every packet of known direction, in order; `interface` is any number that is the interface's
  // own.
  void Note(uint32_t interface, Direction direction, const IpGlance& packet);
  // As far as the packets so far tell, for what goes from `source` to `destination`.
  InterfaceRole RoleOf(uint32_t interface, Direction direction, const IpAddress& source,
                       const IpAddress& destination) const;

 private:
  struct Place {
    // The interface by which the address's own packets came in first.
    std::optional<uint32_t> behind;
    // Packets of the address as they were first sent: that came in by that interface, and that went
    // out.
    uint64_t arrived = 0;
    uint64_t departed = 0;

    // The node itself sends from it.
    bool IsLocal() const;
  };
  // What came in by an interface.
  struct Arrivals {
    uint64_t packets = 0;
    // Of the senders that most came from, as they were first sent. A pod has one address of each
    // version.
    uint64_t most_v4 = 0;
    uint64_t most_v6 = 0;
  };

  bool FacesPod(uint32_t interface) const;
  const Place* Find(const IpAddress& address) const;

  absl::flat_hash_map<IpAddress, Place> places_;
  absl::flat_hash_map<uint32_t, Arrivals> arrivals_;
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_REPLAY_ROLE_GUESS_H_
