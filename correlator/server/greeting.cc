#include "correlator/server/greeting.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <string_view>

namespace audio_latency::correlator {

GreetingState LookAtGreeting(int fd, Greeting expected) {
  constexpr unsigned char kTlsHandshake = 22;  // ContentType handshake
  // The begin of "PRI * HTTP/2.0", as far as it takes to tell it from "POST" and "PROXY".
  constexpr std::string_view kPreface = "PRI ";
  std::array<char, kPreface.size()> begin{};
  const ssize_t got = recv(fd, begin.data(), begin.size(), MSG_PEEK | MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) {
    return GreetingState::kNothingYet;
  }
  if (got <= 0) {
    return GreetingState::kGone;
  }
  const auto first = static_cast<unsigned char>(begin[0]);
  if (expected == Greeting::kTls) {
    return first == kTlsHandshake ? GreetingState::kExpected : GreetingState::kNotTls;
  }
  // Who has sent only a part of it, and sends no more, is closed by gRPC.
  if (kPreface.starts_with(std::string_view(begin.data(), static_cast<size_t>(got)))) {
    return GreetingState::kExpected;
  }
  return first == kTlsHandshake ? GreetingState::kUnexpectedTls : GreetingState::kNotHttp2;
}

}  // namespace audio_latency::correlator
