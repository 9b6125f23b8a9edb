#include "common/address/peer_host.h"

#include <charconv>
#include <system_error>

#include "common/address/ip_address.h"

namespace audio_latency {
namespace {

// "%5B" to "[" and so on; what is no such escape stays.
std::string DecodePercent(std::string_view text) {
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    unsigned value = 0;
    if (text[i] == '%' && i + 2 < text.size()) {
      const char* const digits = text.data() + i + 1;
      const auto [end, error] = std::from_chars(digits, digits + 2, value, 16);
      if (error == std::errc() && end == digits + 2) {
        decoded.push_back(static_cast<char>(value));
        i += 2;
        continue;
      }
    }
    decoded.push_back(text[i]);
  }
  return decoded;
}

}  // namespace

std::optional<std::string> HostOfPeer(std::string_view peer) {
  constexpr std::string_view kIpv4 = "ipv4:";
  constexpr std::string_view kIpv6 = "ipv6:";
  const size_t port = peer.rfind(':');
  if (peer.starts_with(kIpv4) && port > kIpv4.size()) {
    return std::string(peer.substr(kIpv4.size(), port - kIpv4.size()));
  }
  if (!peer.starts_with(kIpv6)) {
    return std::nullopt;
  }
  const std::string address = DecodePercent(peer.substr(kIpv6.size()));
  const size_t end = address.rfind("]:");
  if (address.empty() || address.front() != '[' || end == std::string::npos || end < 2) {
    return std::nullopt;
  }
  return address.substr(1, end - 1);
}

std::string HolderOfPeer(std::string_view peer) {
  const std::string host = HostOfPeer(peer).value_or("");
  const absl::StatusOr<IpAddress> address = IpAddress::Parse(host.substr(0, host.find('%')));
  return address.ok() ? address->Holder().ToString() : std::string(peer);
}

}  // namespace audio_latency
