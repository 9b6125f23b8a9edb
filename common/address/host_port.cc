#include "common/address/host_port.h"

#include <charconv>
#include <system_error>

#include "common/address/ip_address.h"

namespace audio_latency {
namespace {

// "fd00::4" of "[fd00::4]"; nothing of what has no brackets.
std::optional<std::string_view> InBrackets(std::string_view host) {
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    return host.substr(1, host.size() - 2);
  }
  return std::nullopt;
}

}  // namespace

std::optional<HostPort> ParseHostPort(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) {
    return std::nullopt;
  }
  HostPort result;
  const std::string_view port = text.substr(colon + 1);
  const char* const end = port.data() + port.size();
  const auto [stop, error] = std::from_chars(port.data(), end, result.port);
  if (error != std::errc() || stop != end || result.port == 0) {
    return std::nullopt;
  }
  const std::string_view host = text.substr(0, colon);
  if (const std::optional<std::string_view> v6 = InBrackets(host)) {
    const absl::StatusOr<IpAddress> address = IpAddress::Parse(v6->substr(0, v6->find('%')));
    if (!address.ok() || v6->find(':') == std::string_view::npos) {
      return std::nullopt;
    }
    result.host = *v6;
    return result;
  }
  if (host.find_first_of(":[]") != std::string_view::npos) {
    return std::nullopt;
  }
  result.host = host;
  return result;
}

bool IsLoopbackHost(std::string_view host) {
  host = InBrackets(host).value_or(host);
  if (host == "localhost") {
    return true;
  }
  const absl::StatusOr<IpAddress> address = IpAddress::Parse(host);
  return address.ok() && address->is_loopback();
}

}  // namespace audio_latency
