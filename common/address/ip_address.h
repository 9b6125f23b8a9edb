// An IPv4 or IPv6 address.

#ifndef COMMON_ADDRESS_IP_ADDRESS_H_
#define COMMON_ADDRESS_IP_ADDRESS_H_

#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"

namespace audio_latency {

// Value type; 16 bytes, IPv4 held as ::ffff:a.b.c.d, as capture_abi.h does.
class IpAddress {
 public:
  // The unspecified address, "::".
  IpAddress() = default;

  // "10.0.1.5" or "fd00::5"; an error names the text.
  static absl::StatusOr<IpAddress> Parse(std::string_view text);
  // 4 or 16 bytes in network order; an error tells the length.
  static absl::StatusOr<IpAddress> FromBytes(std::string_view bytes);
  // 16 bytes, IPv4 as ::ffff:a.b.c.d.
  static IpAddress FromMapped(std::span<const uint8_t, 16> bytes);
  // Of an IPv4 or IPv6 socket; the unspecified address of another.
  static IpAddress FromSocket(const sockaddr_storage& address);

  bool is_v4() const;
  // "::"
  bool is_unspecified() const { return *this == IpAddress(); }
  // 127.0.0.0/8, ::1
  bool is_loopback() const;
  // 169.254.0.0/16 (RFC 3927), fe80::/10 (RFC 4291, 2.5.6)
  bool is_link_local() const;
  // 224.0.0.0/4, ff00::/8
  bool is_multicast() const;
  // What all addresses that one host may take have in common: an IPv4 address itself; of an IPv6
  // address its /64, since a host may take any address of its subnet.
  IpAddress Holder() const;
  // "10.0.1.5", "fd00::5".
  std::string ToString() const;
  // 4 bytes for IPv4, else 16.
  std::string ToBytes() const;
  const std::array<uint8_t, 16>& mapped() const { return bytes_; }

  friend bool operator==(const IpAddress&, const IpAddress&) = default;
  friend auto operator<=>(const IpAddress&, const IpAddress&) = default;
  template <typename H>
  friend H AbslHashValue(H state, const IpAddress& address) {
    return H::combine(std::move(state), address.bytes_);
  }

 private:
  std::array<uint8_t, 16> bytes_ = {};
};

}  // namespace audio_latency

#endif  // COMMON_ADDRESS_IP_ADDRESS_H_
