#include "correlator/replay/role_guess.h"

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

}  // namespace

std::optional<IpGlance> GlanceAtIp(std::span<const uint8_t> ethernet) {
  const auto [ethertype, ip] = PayloadOf(ethernet);
  if (ethertype == kEthertypeIpv4 && ip.size() >= kIpv4HeaderBytes) {
    return IpGlance{.source = FromIpv4(ip.subspan(12)),
                    .destination = FromIpv4(ip.subspan(16)),
                    .hops_left = ip[8]};
  }
  if (ethertype == kEthertypeIpv6 && ip.size() >= kIpv6HeaderBytes) {
    return IpGlance{.source = IpAddress::FromMapped(ip.subspan<8, 16>()),
                    .destination = IpAddress::FromMapped(ip.subspan<24, 16>()),
                    .hops_left = ip[7]};
  }
  return std::nullopt;
}

void RoleGuess::Note(uint32_t interface, Direction direction, const IpGlance& packet) {
  if (places_.size() >= kMaxAddresses && !places_.contains(packet.source)) {
    return;
  }
  const bool is_first_hop = IsFirstHop(packet.hops_left);
  if (direction == Direction::kEgress) {
    if (Place& place = places_[packet.source]; is_first_hop && !place.behind.has_value()) {
      place.is_local = true;
    }
    return;
  }
  Arrivals& arrivals = arrivals_[interface];
  std::optional<IpAddress>& first = packet.source.is_v4() ? arrivals.first_v4 : arrivals.first_v6;
  if (!first.has_value()) {
    first = packet.source;
  }
  arrivals.is_mixed |= !is_first_hop || *first != packet.source;
  if (Place& place = places_[packet.source]; is_first_hop && !place.behind.has_value()) {
    place.behind = interface;
  }
}

bool RoleGuess::FacesPod(uint32_t interface) const {
  const auto arrivals = arrivals_.find(interface);
  return arrivals == arrivals_.end() || !arrivals->second.is_mixed;
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
  if ((inner != nullptr && inner->is_local) || !FacesPod(interface)) {
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
