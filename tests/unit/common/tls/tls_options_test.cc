#include "common/tls/tls_options.h"

#include <catch2/catch.hpp>

#include "common/address/host_port.h"
#include "common/status/status_macros.h"

namespace audio_latency {
namespace {

using Catch::Matchers::Contains;

const TlsFiles kFiles = {.certificate = "c.pem", .key = "k.pem", .authorities = "ca.pem"};

TEST_CASE("without certificates plain text is for loopback, or asked for") {
  for (const char* host : {"localhost", "127.0.0.1", "127.9.9.9", "::1", "[::1]"}) {
    CHECK(IsLoopbackHost(host));
    CHECK(CheckTlsOptions({}, "GRPC_ADDRESS", host).ok());
  }
  for (const char* host : {"0.0.0.0", "::", "10.0.0.1", "correlator", "localhost.example",
                           "128.0.0.1", "127.0.0.1.example"}) {
    CHECK_FALSE(IsLoopbackHost(host));
    const std::string message = Message(CheckTlsOptions({}, "GRPC_ADDRESS", host));
    CHECK_THAT(message, Contains(host) && Contains("GRPC_ADDRESS") && Contains("TLS=off") &&
                            Contains("TLS_CERT_FILE"));
    CHECK(CheckTlsOptions({.mode = "off", .files = {}}, "GRPC_ADDRESS", host).ok());
  }
}

TEST_CASE("certificates come complete and not with TLS=off") {
  CHECK(CheckTlsOptions({.mode = "auto", .files = kFiles}, "A", "10.0.0.1").ok());
  CHECK(CheckTlsOptions({.mode = "auto", .files = kFiles}, "A", "localhost").ok());
  CHECK_THAT(Message(CheckTlsOptions({.mode = "off", .files = kFiles}, "A", "localhost")),
             Contains("TLS is off"));
  TlsFiles files = kFiles;
  files.key = "";
  CHECK_THAT(Message(CheckTlsOptions({.mode = "auto", .files = files}, "A", "localhost")),
             Contains("TLS_KEY_FILE is not set"));
}

}  // namespace
}  // namespace audio_latency
