// TLS handshakes that fail, of which gRPC tells nothing but its log.

#ifndef CORRELATOR_SERVER_HANDSHAKE_FAILURES_H_
#define CORRELATOR_SERVER_HANDSHAKE_FAILURES_H_

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace audio_latency::correlator {

struct HandshakeFailure {
  // Who was at the other end, as gRPC names it ("ipv4:10.0.0.1:4711"); "" where it does not.
  std::string peer;
  // In gRPC's words, printable, of limited length.
  std::string reason;
};

// What a message of gRPC's log (1.51) tells of a server's handshake that failed; nothing where it
// tells of something else.
std::optional<HandshakeFailure> ReadHandshakeFailure(std::string_view message);

// While it lives, `on_failure` is called for every handshake that fails in any gRPC server of this
// process, by whichever thread it failed in. gRPC's log function, of which a process has one and
// which is given no state, is taken over for good; what else is logged by it is not shown.
class HandshakeFailures {
 public:
  explicit HandshakeFailures(std::function<void(const HandshakeFailure&)> on_failure);
  // Waits for calls under way.
  ~HandshakeFailures();
  HandshakeFailures(const HandshakeFailures&) = delete;
  HandshakeFailures& operator=(const HandshakeFailures&) = delete;

 private:
  const std::function<void(const HandshakeFailure&)> on_failure_;
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_SERVER_HANDSHAKE_FAILURES_H_
