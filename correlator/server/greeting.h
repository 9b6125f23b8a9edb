// How a connection begins, looked at before gRPC has it: gRPC counts none that begins wrongly.

#ifndef CORRELATOR_SERVER_GREETING_H_
#define CORRELATOR_SERVER_GREETING_H_

namespace audio_latency::correlator {

// What whoever connects is to say first.
enum class Greeting {
  // A TLS handshake record (RFC 8446, 5.1).
  kTls,
  // HTTP/2's preface (RFC 9113, 3.4).
  kHttp2,
};

enum class GreetingState {
  kNothingYet,
  kExpected,
  // TLS was expected.
  kNotTls,
  // HTTP/2 was expected, and TLS came.
  kUnexpectedTls,
  // HTTP/2 was expected, and neither came.
  kNotHttp2,
  // The other side has closed the connection, without a word.
  kGone,
};

// What has come on the connection by now, by its first bytes, which stay to be read. Does not wait.
GreetingState LookAtGreeting(int fd, Greeting expected);

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_SERVER_GREETING_H_
