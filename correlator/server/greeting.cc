#include "correlator/server/greeting.h"

#include <sys/socket.h>

#include <cerrno>

namespace audio_latency::correlator {

GreetingState LookAtGreeting(int fd, Greeting expected) {
  constexpr unsigned char kTlsHandshake = 22;  // ContentType handshake
  constexpr unsigned char kPreface = 'P';      // of "PRI * HTTP/2.0"
  unsigned char first = 0;
  const ssize_t got = recv(fd, &first, sizeof(first), MSG_PEEK | MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) {
    return GreetingState::kNothingYet;
  }
  if (got <= 0) {
    return GreetingState::kGone;
  }
  if (expected == Greeting::kTls) {
    return first == kTlsHandshake ? GreetingState::kExpected : GreetingState::kNotTls;
  }
  if (first == kPreface) {
    return GreetingState::kExpected;
  }
  return first == kTlsHandshake ? GreetingState::kUnexpectedTls : GreetingState::kNotHttp2;
}

}  // namespace audio_latency::correlator
