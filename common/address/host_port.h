// Where a program listens: HOST:PORT.

#ifndef COMMON_ADDRESS_HOST_PORT_H_
#define COMMON_ADDRESS_HOST_PORT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace audio_latency {

struct HostPort {
  // A name or an address, without the brackets of an IPv6 address.
  std::string host;
  // 1 … 65535
  uint16_t port = 0;
};

// "correlator:9095", "10.0.0.4:9095", "[fd00::4]:9095", "[fe80::4%eth0]:9095". Nothing of another
// text, such as an IPv6 address without brackets, whose last group would pass for the port.
std::optional<HostPort> ParseHostPort(std::string_view text);

// "localhost", 127.0.0.0/8 or ::1, in brackets or not.
bool IsLoopbackHost(std::string_view host);

}  // namespace audio_latency

#endif  // COMMON_ADDRESS_HOST_PORT_H_
