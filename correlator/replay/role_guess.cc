#include "correlator/replay/role_guess.h"

#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "correlator/replay/ethernet.h"

namespace audio_latency::correlator {
namespace {

constexpr size_t kIpv4HeaderBytes = 20;
constexpr size_t kIpv6HeaderBytes = 40;

IpAddress FromIpv4(std::span<const uint8_t> bytes) {
  std::array<uint8_t, 16> mapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  std::memcpy(mapped.data() + 12, bytes.data(), 4);
  return IpAddress::FromMapped(mapped);
}

// What systems set out with.
bool IsFirstHop(uint8_t hops_left) {
  return hops_left == 64 || hops_left == 128 || hops_left == 255;
}

bool IsOfOneHost(const IpAddress& address) {
  const uint8_t first_v4_byte = address.mapped()[12];
  // 0.0.0.0/8 is this network, 240.0.0.0/4 reserved (RFC 6890), and 255.255.255.255 all hosts.
  const bool is_no_v4_host = address.is_v4() && (first_v4_byte == 0 || first_v4_byte >= 240);
  return !is_no_v4_host && !address.is_unspecified() && !address.is_link_local() &&
         !address.is_multicast();
}

// Whether all but one of RoleGuess::kMostOf agree.
bool AreMost(uint64_t agreeing, uint64_t all) {
  return (all - agreeing) * RoleGuess::kMostOf <= all;
}

}  // namespace

std::optional<IpGlance> GlanceAtIp(std::span<const uint8_t> ethernet) {
  const auto [ethertype, ip] = PayloadOf(ethernet);
  IpGlance glance;
  uint8_t protocol = 0;
  if (ethertype == kEthertypeIpv4 && ip.size() >= kIpv4HeaderBytes) {
    glance = {.source = FromIpv4(ip.subspan(12)),
              .destination = FromIpv4(ip.subspan(16)),
              .hops_left = ip[8]};
    protocol = ip[9];
  } else if (ethertype == kEthertypeIpv6 && ip.size() >= kIpv6HeaderBytes) {
    glance = {.source = IpAddress::FromMapped(ip.subspan<8, 16>()),
              .destination = IpAddress::FromMapped(ip.subspan<24, 16>()),
              .hops_left = ip[7]};
    protocol = ip[6];
  }
  const bool counts = (protocol == IPPROTO_TCP || protocol == IPPROTO_UDP) &&
                      IsOfOneHost(glance.source) && IsOfOneHost(glance.destination);
  return counts ? std::optional(glance) : std::nullopt;
}

void RoleGuess::Note(uint32_t interface, Direction direction, const IpGlance& packet) {
  if (places_.size() >= kMaxAddresses && !places_.contains(packet.source)) {
    return;
  }
  Place& place = places_[packet.source];
  const bool is_first_hop = IsFirstHop(packet.hops_left);
  if (direction == Direction::kEgress) {
    place.departed += is_first_hop;
    return;
  }
  Arrivals& arrivals = arrivals_[interface];
  ++arrivals.packets;
  if (!is_first_hop) {
    return;
  }
  if (!place.behind.has_value()) {
    place.behind = interface;
  }
  if (*place.behind == interface) {
    ++place.arrived;
    uint64_t& most = packet.source.is_v4() ? arrivals.most_v4 : arrivals.most_v6;
    most = std::max(most, place.arrived);
  }
}

bool RoleGuess::Place::IsLocal() const {
  return departed > 0 && AreMost(departed, departed + arrived);
}

bool RoleGuess::FacesPod(uint32_t interface) const {
  const auto found = arrivals_.find(interface);
  if (found == arrivals_.end()) {
    return true;
  }
  const Arrivals& arrivals = found->second;
  return AreMost(arrivals.most_v4 + arrivals.most_v6, arrivals.packets);
}

const RoleGuess::Place* RoleGuess::Find(const IpAddress& address) const {
  const auto place = places_.find(address);
  return place == places_.end() ? nullptr : &place->second;
}

InterfaceRole RoleGuess::RoleOf(uint32_t interface, Direction direction, const IpAddress& source,
                                const IpAddress& destination) const {
  const bool is_ingress = direction == Direction::kIngress;
  const Place* const outer = Find(is_ingress ? source : destination);
  const Place* const inner = Find(is_ingress ? destination : source);
  if ((inner != nullptr && inner->IsLocal()) || !FacesPod(interface)) {
    return InterfaceRole::kUplink;
  }
  if (outer != nullptr && outer->behind.has_value()) {
    return *outer->behind == interface ? InterfaceRole::kContainer : InterfaceRole::kUplink;
  }
  // A pod that only listens shows itself by nothing coming from there.
  return !is_ingress && !arrivals_.contains(interface) ? InterfaceRole::kContainer
                                                       : InterfaceRole::kUplink;
}

}  // namespace audio_latency::correlator
