#include "correlator/server/handshake_failures.h"

#include <grpc/support/log.h>

#include <catch2/catch.hpp>
#include <string>
#include <vector>

namespace audio_latency::correlator {
namespace {

constexpr const char* kBrokenOff =
    "Handshaking failed: UNKNOWN:Handshake read failed "
    "{file:\"./src/core/lib/security/transport/security_handshaker.cc\", file_line:487, "
    "created_time:\"2026-11-21T21:25:37.366561666+00:00\", children:[INTERNAL:Socket closed "
    "{target_address:\"ipv4:127.0.0.1:35014\", grpc_status:14, fd:13}]}";

TEST_CASE("what gRPC's log tells of a handshake is read, and nothing else") {
  const auto failure = ReadHandshakeFailure(kBrokenOff);
  REQUIRE(failure.has_value());
  CHECK(failure->peer == "ipv4:127.0.0.1:35014");
  CHECK(failure->reason == "UNKNOWN:Handshake read failed: INTERNAL:Socket closed");

  CHECK_FALSE(
      ReadHandshakeFailure("Using new server certificate config (0x6030000c6250).").has_value());
  CHECK_FALSE(ReadHandshakeFailure("").has_value());
  const auto brief = ReadHandshakeFailure("Handshaking failed: \x01" + std::string(5000, 'x'));
  REQUIRE(brief.has_value());
  CHECK(brief->peer.empty());
  CHECK(brief->reason.size() == 200);
  CHECK(brief->reason.front() == '?');
}

TEST_CASE("each that lives is told of each failure") {
  std::vector<std::string> first;
  std::vector<std::string> second;
  const HandshakeFailures one([&](const HandshakeFailure& it) { first.push_back(it.reason); });
  {
    const HandshakeFailures two([&](const HandshakeFailure& it) { second.push_back(it.reason); });
    gpr_log(GPR_DEBUG, "Handshaking failed: %s", "for a reason");
    gpr_log(GPR_ERROR, "Something else failed");
  }
  gpr_log(GPR_DEBUG, "Handshaking failed: %s", "for another");
  CHECK(first == std::vector<std::string>{"for a reason", "for another"});
  CHECK(second == std::vector<std::string>{"for a reason"});
}

}  // namespace
}  // namespace audio_latency::correlator
