// Whose connections count together.

#ifndef CORRELATOR_SERVER_PEER_KEY_H_
#define CORRELATOR_SERVER_PEER_KEY_H_

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <string>

namespace audio_latency::correlator {

using PeerKey = std::array<uint8_t, 16>;

// An IPv4 address, mapped into IPv6 (RFC 4291, 2.5.5.2) or not, is a key of its own. Of IPv6 a /64
// is one key, since one host may take any address of its subnet. Zeros for other families.
inline PeerKey PeerKeyOf(const sockaddr_storage& address) {
  constexpr size_t kIpv4Bytes = 4;
  constexpr size_t kSubnetBytes = 8;
  PeerKey key = {};
  if (address.ss_family == AF_INET6) {
    const in6_addr& ip = reinterpret_cast<const sockaddr_in6&>(address).sin6_addr;
    std::memcpy(key.data(), &ip, IN6_IS_ADDR_V4MAPPED(&ip) ? key.size() : kSubnetBytes);
  } else if (address.ss_family == AF_INET) {
    key[10] = key[11] = 0xff;
    std::memcpy(&key[key.size() - kIpv4Bytes],
                &reinterpret_cast<const sockaddr_in&>(address).sin_addr, kIpv4Bytes);
  }
  return key;
}

// "10.0.0.3", also of a mapped one; "fd00::3".
inline std::string PeerText(const sockaddr_storage& address) {
  char text[INET6_ADDRSTRLEN] = "";
  if (address.ss_family == AF_INET6) {
    inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6&>(address).sin6_addr, text,
              sizeof(text));
  } else if (address.ss_family == AF_INET) {
    inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in&>(address).sin_addr, text, sizeof(text));
  }
  const std::string whole = text;
  constexpr const char* kMapped = "::ffff:";
  return whole.starts_with(kMapped) && whole.find('.') != std::string::npos
             ? whole.substr(std::strlen(kMapped))
             : whole;
}

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_SERVER_PEER_KEY_H_
