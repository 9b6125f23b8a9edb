#include "common/address/ip_address.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>

#include "absl/status/status.h"

namespace audio_latency {
namespace {

// ::ffff:0:0/96
constexpr std::array<uint8_t, 12> kMappedPrefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
constexpr size_t kV4Bytes = 4;
constexpr size_t kV6Bytes = 16;

}  // namespace

absl::StatusOr<IpAddress> IpAddress::Parse(std::string_view text) {
  const std::string terminated(text);
  IpAddress address;
  // A text with a zero byte inside would be cut there by inet_pton.
  const bool whole = terminated.find('\0') == std::string::npos;
  if (whole && inet_pton(AF_INET6, terminated.c_str(), address.bytes_.data()) == 1) {
    return address;
  }
  if (whole && inet_pton(AF_INET, terminated.c_str(), &address.bytes_[kMappedPrefix.size()]) == 1) {
    std::copy(kMappedPrefix.begin(), kMappedPrefix.end(), address.bytes_.begin());
    return address;
  }
  return absl::InvalidArgumentError(fmt::format(
      "'{}' is not an IP address: write it as 10.0.1.5 or fd00::5", terminated.c_str()));
}

absl::StatusOr<IpAddress> IpAddress::FromBytes(std::string_view bytes) {
  IpAddress address;
  if (bytes.size() == kV4Bytes) {
    std::copy(kMappedPrefix.begin(), kMappedPrefix.end(), address.bytes_.begin());
    std::memcpy(&address.bytes_[kMappedPrefix.size()], bytes.data(), kV4Bytes);
    return address;
  }
  if (bytes.size() == kV6Bytes) {
    std::memcpy(address.bytes_.data(), bytes.data(), kV6Bytes);
    return address;
  }
  return absl::InvalidArgumentError(
      fmt::format("an IP address of {} bytes: it must have 4 or 16", bytes.size()));
}

IpAddress IpAddress::FromMapped(std::span<const uint8_t, 16> bytes) {
  IpAddress address;
  std::copy(bytes.begin(), bytes.end(), address.bytes_.begin());
  return address;
}

IpAddress IpAddress::FromSocket(const sockaddr_storage& address) {
  IpAddress result;
  if (address.ss_family == AF_INET6) {
    const in6_addr& ip = reinterpret_cast<const sockaddr_in6&>(address).sin6_addr;
    std::memcpy(result.bytes_.data(), &ip, kV6Bytes);
  } else if (address.ss_family == AF_INET) {
    const in_addr& ip = reinterpret_cast<const sockaddr_in&>(address).sin_addr;
    std::copy(kMappedPrefix.begin(), kMappedPrefix.end(), result.bytes_.begin());
    std::memcpy(&result.bytes_[kMappedPrefix.size()], &ip, kV4Bytes);
  }
  return result;
}

bool IpAddress::is_v4() const {
  return std::equal(kMappedPrefix.begin(), kMappedPrefix.end(), bytes_.begin());
}

bool IpAddress::is_loopback() const {
  constexpr uint8_t kV4Loopback = 127;
  IpAddress v6;
  v6.bytes_.back() = 1;
  return is_v4() ? bytes_[kMappedPrefix.size()] == kV4Loopback : *this == v6;
}

bool IpAddress::is_link_local() const {
  const size_t v4 = kMappedPrefix.size();
  return is_v4() ? bytes_[v4] == 169 && bytes_[v4 + 1] == 254
                 : bytes_[0] == 0xfe && (bytes_[1] & 0xc0) == 0x80;
}

bool IpAddress::is_multicast() const {
  return is_v4() ? bytes_[kMappedPrefix.size()] >> 4 == 0xe : bytes_[0] == 0xff;
}

IpAddress IpAddress::Holder() const {
  constexpr size_t kSubnetBytes = 8;
  IpAddress holder = *this;
  if (!is_v4()) {
    std::fill(holder.bytes_.begin() + kSubnetBytes, holder.bytes_.end(), 0);
  }
  return holder;
}

std::string IpAddress::ToString() const {
  std::array<char, INET6_ADDRSTRLEN> text = {};
  if (is_v4()) {
    inet_ntop(AF_INET, &bytes_[kMappedPrefix.size()], text.data(), text.size());
  } else {
    inet_ntop(AF_INET6, bytes_.data(), text.data(), text.size());
  }
  return text.data();
}

std::string IpAddress::ToBytes() const {
  const size_t skipped = is_v4() ? kMappedPrefix.size() : 0;
  return {bytes_.begin() + skipped, bytes_.end()};
}

}  // namespace audio_latency
