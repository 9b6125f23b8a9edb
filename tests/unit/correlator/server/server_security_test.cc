// Real gRPC over real TLS: who is let in, who is not, and that a good probe notices nothing.

#include <arpa/inet.h>
#include <grpcpp/generic/generic_stub.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <thread>
#include <vector>

#include "correlator/query/latency_service.h"
#include "fmt/format.h"
#include "tests/support/eventually.h"
#include "tests/unit/correlator/ingest/batches.h"
#include "tests/unit/correlator/server/secured_correlator.h"

namespace audio_latency::correlator {
namespace {

using audio_latency::testing::Eventually;
using Catch::Matchers::Contains;
using grpc::StatusCode;

// HTTP/2's preface and empty settings (RFC 9113, 3.4).
const std::string kHttp2Greeting =
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + std::string("\0\0\0\x04\0\0\0\0\0", 9);

// Connections that say nothing more.
class IdleConnections {
 public:
  // From 127.0.0.2, which is nobody else's. Each sends `greeting` first.
  IdleConnections(const SecuredCorrelator& correlator, int count,
                  const std::string& greeting = "") {
    sockaddr_in own = {};
    own.sin_family = AF_INET;
    own.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(correlator.server->port());
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (int i = 0; i < count; ++i) {
      const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      REQUIRE(fd >= 0);
      fds_.push_back(fd);
      REQUIRE(bind(fd, reinterpret_cast<const sockaddr*>(&own), sizeof(own)) == 0);
      REQUIRE(connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
      REQUIRE(send(fd, greeting.data(), greeting.size(), MSG_NOSIGNAL) ==
              static_cast<ssize_t>(greeting.size()));
    }
  }
  ~IdleConnections() {
    for (const int fd : fds_) {
      close(fd);
    }
  }

 private:
  std::vector<int> fds_;
};

TEST_CASE("bad certificates are refused by name, counted and logged; a good probe goes on") {
  SecuredCorrelator correlator;
  const TestAuthority stranger("our authority");
  const IssuedCertificate good = correlator.authority.IssueFor("node-a");
  GoodProbe probe(correlator, correlator.Credentials(&good), "node-a");
  CHECK(correlator.Ask(correlator.Credentials(&good)).ok());

  const auto check = [&](const IssuedCertificate* own, const std::string& cause,
                         const std::string& word) {
    const grpc::Status hello = correlator.Hello(correlator.Credentials(own), "node-b");
    CHECK(hello.error_code() == StatusCode::UNAUTHENTICATED);
    CHECK_THAT(hello.error_message(), Contains(word));
    CHECK(correlator.Refused(cause) == 1);
    CHECK(correlator.Ask(correlator.Credentials(own)).error_code() == StatusCode::UNAUTHENTICATED);
    CHECK(correlator.Refused(cause) == 2);
    CHECK_THAT(correlator.log.Everything(), Contains("call_refused") && Contains(word));
    CHECK(probe.SendBatch());
  };
  const IssuedCertificate wrong_authority = stranger.IssueFor("node-b");
  check(&wrong_authority, "unknown_authority", "not signed by an authority");
  const IssuedCertificate expired = correlator.authority.Issue(
      {.common_name = "node-b", .alternative_names = "DNS:node-b", .ends_s = -60});
  check(&expired, "certificate_expired", "has expired");
  const IssuedCertificate early = correlator.authority.Issue(
      {.common_name = "node-b", .alternative_names = "DNS:node-b", .begins_s = 600});
  check(&early, "certificate_not_yet_valid", "not valid before");
  const IssuedCertificate for_servers =
      correlator.authority.Issue({.common_name = "node-b",
                                  .alternative_names = "DNS:node-b",
                                  .extended_key_usage = "serverAuth"});
  check(&for_servers, "certificate_wrong_purpose", "clientAuth");
  check(nullptr, "no_certificate", "certificate");
}

TEST_CASE(
    "who does not agree with the server on TLS is refused and counted; a good probe goes on") {
  SecuredCorrelator correlator;
  const IssuedCertificate good = correlator.authority.IssueFor("node-a");
  GoodProbe probe(correlator, correlator.Credentials(&good), "node-a");
  const std::string own_address = "127.0.0.1";

  CHECK(correlator.Ask(grpc::InsecureChannelCredentials()).error_code() == StatusCode::UNAVAILABLE);
  CHECK(correlator.Refused("not_tls") > 0);
  CHECK_THAT(correlator.log.Everything(), Contains("connection_refused") &&
                                              Contains("does not begin with TLS") &&
                                              Contains(own_address));
  CHECK(correlator.Refused("tls_handshake_failed") == 0);
  CHECK(probe.SendBatch());

  // A client that does not trust the server's certificate.
  const TestAuthority stranger("another authority");
  const auto distrustful = grpc::SslCredentials({.pem_root_certs = stranger.certificate_pem(),
                                                 .pem_private_key = good.key_pem,
                                                 .pem_cert_chain = good.certificate_pem});
  CHECK(correlator.Ask(distrustful).error_code() == StatusCode::UNAVAILABLE);
  CHECK(Eventually([&] { return correlator.Refused("tls_handshake_failed") > 0; }));
  CHECK_THAT(correlator.log.Everything(), Contains("handshake_failed") && Contains(own_address));
  CHECK(probe.SendBatch());

  // What begins as TLS and is none.
  const uint64_t failed = correlator.Refused("tls_handshake_failed");
  const IdleConnections garbage(correlator, 1, "\x16\x03\x01" + std::string(5000, 'x'));
  CHECK(Eventually([&] { return correlator.Refused("tls_handshake_failed") > failed; }));
  CHECK(probe.SendBatch());
  CHECK(correlator.Ask(correlator.Credentials(&good)).ok());
}

TEST_CASE("TLS and other protocols at a port of plain text are refused and counted") {
  SecuredCorrelator correlator({.with_tls = false});
  GoodProbe probe(correlator, grpc::InsecureChannelCredentials(), "node-a");
  CHECK(correlator.Ask(correlator.Credentials()).error_code() == StatusCode::UNAVAILABLE);
  CHECK(correlator.Refused("unexpected_tls") > 0);
  CHECK_THAT(correlator.log.Everything(), Contains("begins with TLS"));
  const IdleConnections browser(correlator, 1, "GET / HTTP/1.1\r\n\r\n");
  CHECK(Eventually([&] { return correlator.Refused("not_http2") == 1; }));
  CHECK(probe.SendBatch());
  CHECK(correlator.Ask(grpc::InsecureChannelCredentials()).ok());
}

TEST_CASE("a probe reports only as the node that its certificate names") {
  SecuredCorrelator correlator;
  const IssuedCertificate a = correlator.authority.Issue(
      {.common_name = "node-c",
       .alternative_names = "DNS:node-a,URI:audio-latency://node/node_d,DNS:*.wild"});
  const auto credentials = correlator.Credentials(&a);
  CHECK(correlator.Hello(credentials, "node-a").ok());
  CHECK(correlator.Hello(credentials, "node_d").ok());
  CHECK(correlator.IngestErrors("wrong_node") == 0);
  for (const char* node : {"node-b", "node-c", "x.wild", "node-", "node-aa"}) {
    const grpc::Status status = correlator.Hello(credentials, node);
    CHECK(status.error_code() == StatusCode::PERMISSION_DENIED);
    CHECK_THAT(status.error_message(), Contains(node) && Contains("node-a"));
  }
  CHECK(correlator.IngestErrors("wrong_node") == 5);
  const grpc::Status other_case = correlator.Hello(credentials, "Node-A");
  CHECK(other_case.error_code() == StatusCode::PERMISSION_DENIED);
  CHECK_THAT(other_case.error_message(),
             Contains("Node-A") && Contains("names node-a, whose case"));
  CHECK(correlator.IngestErrors("wrong_node") == 6);
  CHECK(Eventually(
      [&] { return correlator.log.Everything().find("probe_refused") != std::string::npos; }));
  const IssuedCertificate nameless = correlator.authority.Issue({.common_name = "node-a"});
  CHECK_THAT(correlator.Hello(correlator.Credentials(&nameless), "node-a").error_message(),
             Contains("names no node"));
}

TEST_CASE("one certificate may serve all probes where that is asked for") {
  SecuredCorrelator correlator({.one_certificate_for_all_probes = true});
  const IssuedCertificate shared = correlator.authority.Issue({.common_name = "all probes"});
  CHECK(correlator.Hello(correlator.Credentials(&shared), "node-a").ok());
  CHECK(correlator.Hello(correlator.Credentials(&shared), "node-b").ok());
  CHECK(correlator.Hello(correlator.Credentials(), "node-b").error_code() ==
        StatusCode::UNAUTHENTICATED);
}

TEST_CASE("certificates rotate under a running stream, and damaged files change nothing") {
  SecuredCorrelator correlator;
  const IssuedCertificate old_a = correlator.authority.IssueFor("node-a");
  GoodProbe probe(correlator, correlator.Credentials(&old_a), "node-a");

  // A key that is not the certificate's, as between two writes.
  const TestAuthority next("next authority");
  const IssuedCertificate next_server =
      next.Issue({.common_name = "correlator", .alternative_names = "IP:127.0.0.1"});
  correlator.WriteServerFiles({.certificate_pem = next_server.certificate_pem, .key_pem = "torn"},
                              next.certificate_pem());
  REQUIRE(Eventually([&] { return correlator.server->statistics().tls->reload_failures > 0; }));
  REQUIRE(Eventually(
      [&] { return correlator.log.Everything().find("files_not_reloaded") != std::string::npos; }));
  CHECK_THAT(correlator.log.Everything(), Contains("the earlier ones stay in use"));
  CHECK(probe.SendBatch());
  CHECK(correlator.Hello(correlator.Credentials(&old_a), "node-b").error_code() ==
        StatusCode::PERMISSION_DENIED);

  correlator.WriteServerFiles(next_server, next.certificate_pem());
  REQUIRE(Eventually([&] { return correlator.server->statistics().tls->reloads > 0; }));
  CHECK(probe.SendBatch());
  // The old authority is none any more, on either side.
  CHECK(correlator.Ask(correlator.Credentials(&old_a)).error_code() == StatusCode::UNAVAILABLE);
  const IssuedCertificate new_a = next.IssueFor("node-a");
  const auto new_credentials = [&](const IssuedCertificate& own) {
    return grpc::SslCredentials({.pem_root_certs = next.certificate_pem(),
                                 .pem_private_key = own.key_pem,
                                 .pem_cert_chain = own.certificate_pem});
  };
  CHECK(correlator.Ask(new_credentials(new_a)).ok());
  CHECK(correlator.Ask(new_credentials(old_a)).error_code() == StatusCode::UNAUTHENTICATED);
  CHECK(probe.SendBatch());
}

TEST_CASE(
    "a certificate that gRPC would not load is refused as a whole, and the earlier one serves") {
  SecuredCorrelator correlator;
  const IssuedCertificate own = correlator.authority.IssueFor("node-a");
  correlator.WriteServerFiles(
      correlator.authority.Issue(
          {.common_name = "correlator", .alternative_names = "IP:127.0.0.1", .has_weak_key = true}),
      correlator.authority.certificate_pem());
  // A look between two of the files refuses them for another reason first.
  REQUIRE(Eventually(
      [&] { return correlator.log.Everything().find("key too small") != std::string::npos; }));
  CHECK(correlator.server->statistics().tls->reload_failures > 0);
  CHECK_THAT(correlator.log.Everything(), Contains("the earlier ones stay in use"));
  CHECK(correlator.server->statistics().tls->reloads == 0);
  CHECK(correlator.Ask(correlator.Credentials(&own)).ok());
}

TEST_CASE("health and reflection are behind the gate like everything else") {
  const std::string token = "only-token-0123456789";
  EnableHealthAndReflection();
  SecuredCorrelator correlator({.with_tls = false, .tokens = token});
  const auto channel = grpc::CreateChannel(correlator.address, grpc::InsecureChannelCredentials());
  grpc::GenericStub stub(channel);
  for (const char* const method :
       {"/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch",
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"}) {
    CAPTURE(method);
    const auto call = [&](const std::string& authorization) {
      grpc::ClientContext context;
      // Health/Watch and reflection do not end by themselves.
      context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(2));
      if (!authorization.empty()) {
        context.AddMetadata("authorization", authorization);
      }
      grpc::CompletionQueue queue;
      const auto next = [&queue] {
        void* tag = nullptr;
        bool is_good = false;
        queue.Next(&tag, &is_good);
        return is_good;
      };
      const auto stream = stub.PrepareCall(&context, method, &queue);
      stream->StartCall(nullptr);
      next();
      const grpc::Slice nothing("");
      stream->WriteLast(grpc::ByteBuffer(&nothing, 1), grpc::WriteOptions(), nullptr);
      next();
      grpc::ByteBuffer answer;
      stream->Read(&answer, nullptr);
      const bool is_answered = next();
      if (is_answered) {
        context.TryCancel();
      }
      grpc::Status status;
      stream->Finish(&status, nullptr);
      next();
      return is_answered ? StatusCode::OK : status.error_code();
    };
    CHECK(call("") == StatusCode::UNAUTHENTICATED);
    CHECK(call("Bearer another-token-0123456789") == StatusCode::UNAUTHENTICATED);
    CHECK(call("Bearer " + token) == StatusCode::OK);
  }
  CHECK(correlator.Refused("no_token") == 3);
  CHECK(correlator.Refused("wrong_token") == 3);
}

TEST_CASE("a stream ends with its certificate") {
  SecuredCorrelator correlator;
  const IssuedCertificate brief = correlator.authority.Issue(
      {.common_name = "node-a", .alternative_names = "DNS:node-a", .ends_s = 3});
  GoodProbe probe(correlator, correlator.Credentials(&brief), "node-a");
  CHECK(Eventually([&] { return !probe.SendBatch(); }));
  CHECK(correlator.IngestErrors("certificate_ended") == 1);
}

TEST_CASE("a certificate without a well-defined end (99991231235959Z, RFC 5280) does not end") {
  SecuredCorrelator correlator;
  constexpr int64_t kEndUnixS = 253'402'300'799;
  const int64_t now_unix_s = correlator.realtime.NowNs() / 1'000'000'000;
  const IssuedCertificate endless =
      correlator.authority.Issue({.common_name = "node-a",
                                  .alternative_names = "DNS:node-a",
                                  .ends_s = static_cast<long>(kEndUnixS - now_unix_s) - 1});
  GoodProbe probe(correlator, correlator.Credentials(&endless), "node-a");
  CHECK(probe.SendBatch());
  CHECK(correlator.IngestErrors("certificate_ended") == 0);
}

TEST_CASE("questions need a token where there are tokens, and tokens rotate") {
  const std::string first = "first-token-0123456789";
  const std::string second = "second-token-0123456789";
  const bool with_tls = GENERATE(true, false);
  SecuredCorrelator correlator(
      {.with_tls = with_tls, .tokens = "# who: what for\n" + first + "\n\n" + second + "\r\n"});
  const auto credentials = with_tls ? correlator.Credentials() : grpc::InsecureChannelCredentials();
  CHECK(correlator.Ask(credentials, "Bearer " + first).ok());
  CHECK(correlator.Ask(credentials, "bearer " + second).ok());
  CHECK(correlator.Ask(credentials).error_code() == StatusCode::UNAUTHENTICATED);
  CHECK(correlator.Refused("no_token") == 1);
  for (const std::string& wrong : {"Bearer " + first + "x", "Bearer " + first.substr(1), first,
                                   std::string("Bearer "), std::string("Bearer # who: what for")}) {
    CHECK(correlator.Ask(credentials, wrong).error_code() == StatusCode::UNAUTHENTICATED);
  }
  CHECK(correlator.Refused("wrong_token") == 5);
  CHECK(correlator.log.Everything().find(first.substr(1)) == std::string::npos);

  correlator.WriteTokens("short\n");
  REQUIRE(Eventually(
      [&] { return correlator.log.Everything().find("files_not_reloaded") != std::string::npos; }));
  CHECK(correlator.Ask(credentials, "Bearer " + first).ok());
  correlator.WriteTokens(second + "\n");
  CHECK(Eventually([&] { return !correlator.Ask(credentials, "Bearer " + first).ok(); }));
  CHECK(correlator.Ask(credentials, "Bearer " + second).ok());
}

TEST_CASE("a token is no probe's certificate, and a bad certificate spoils a good token") {
  const std::string token = "only-token-0123456789";
  SecuredCorrelator correlator({.tokens = token});
  CHECK(correlator.Hello(correlator.Credentials(), "node-a").error_code() ==
        StatusCode::UNAUTHENTICATED);
  const IssuedCertificate good = correlator.authority.IssueFor("node-a");
  CHECK(correlator.Hello(correlator.Credentials(&good), "node-a").ok());
  const IssuedCertificate bad = TestAuthority("stranger").IssueFor("node-a");
  CHECK(correlator.Ask(correlator.Credentials(&bad), "Bearer " + token).error_code() ==
        StatusCode::UNAUTHENTICATED);
  CHECK(correlator.Refused("unknown_authority") == 1);
}

TEST_CASE("an oversized message is refused and counted; a good probe goes on") {
  SecuredCorrelator correlator;
  const IssuedCertificate good = correlator.authority.IssueFor("node-a");
  const IssuedCertificate other = correlator.authority.IssueFor("node-b");
  GoodProbe probe(correlator, correlator.Credentials(&good), "node-a");
  const auto send = [&](size_t bytes) {
    const auto stub = v1::ProbeService::NewStub(
        grpc::CreateChannel(correlator.address, correlator.Credentials(&other)));
    grpc::ClientContext context;
    const auto stream = stub->Stream(&context);
    v1::StreamRequest request;
    *request.mutable_hello() = MakeHello("node-b", "i-1");
    stream->Write(request);
    request.mutable_event_batch()->mutable_columns()->set_fields(std::string(bytes, 'x'));
    stream->Write(request);
    v1::StreamResponse response;
    while (stream->Read(&response)) {
    }
    return stream->Finish().error_code();
  };
  CHECK(send(kMaxMessageBytes) == StatusCode::RESOURCE_EXHAUSTED);
  CHECK(correlator.IngestErrors("message_too_large") == 1);
  CHECK(correlator.IngestErrors("stream_broken") == 0);
  CHECK(send(kTransportMaxMessageBytes) != StatusCode::OK);
  CHECK(Eventually([&] { return correlator.IngestErrors("stream_broken") == 1; }));
  CHECK(probe.SendBatch());
}

TEST_CASE("1,000 idle connections take no room from a good probe and are closed in time") {
  SecuredCorrelator correlator(
      {.limits = {.max_connections = 4096, .max_connections_per_address = 256},
       .handshake_patience = std::chrono::milliseconds(1'500)});
  const IssuedCertificate good = correlator.authority.IssueFor("node-a");
  GoodProbe probe(correlator, correlator.Credentials(&good), "node-a");
  {
    const IdleConnections idle(correlator, 1000);
    CHECK(Eventually([&] { return correlator.Refused("address_connection_limit") >= 700; }));
    CHECK(correlator.server->statistics().open_connections <= 257);
    CHECK_THAT(correlator.log.Everything(), Contains("connection_refused") &&
                                                Contains("127.0.0.2") &&
                                                Contains("MAX_CONNECTIONS_PER_ADDRESS"));
    CHECK(probe.SendBatch());
    // One that comes now has room too.
    const IssuedCertificate other = correlator.authority.IssueFor("node-b");
    {
      GoodProbe later(correlator, correlator.Credentials(&other), "node-b");
      CHECK(later.SendBatch());
    }
    // Those that were let in are closed when they say nothing, though the other side stays.
    CHECK(Eventually([&] { return correlator.server->statistics().open_connections == 1; }));
    CHECK(correlator.Refused("no_greeting") + correlator.Refused("address_connection_limit") ==
          1000);
    CHECK(correlator.Ask(correlator.Credentials(&good)).ok());
  }
  CHECK(probe.SendBatch());
}

TEST_CASE("the limit of all connections holds, and room comes back") {
  SecuredCorrelator correlator({.limits = {.max_connections = 8, .max_connections_per_address = 99},
                                .handshake_patience = std::chrono::milliseconds(60'000)});
  const IssuedCertificate good = correlator.authority.IssueFor("node-a");
  GoodProbe probe(correlator, correlator.Credentials(&good), "node-a");
  {
    const IdleConnections idle(correlator, 100);
    CHECK(Eventually([&] { return correlator.Refused("connection_limit") == 93; }));
    CHECK_THAT(correlator.log.Everything(), Contains("raise MAX_CONNECTIONS if"));
    CHECK(probe.SendBatch());
  }
  CHECK(Eventually([&] { return correlator.Ask(correlator.Credentials(&good)).ok(); }));
}

TEST_CASE("a peer that answers no pings any more is closed; a quiet good probe is not") {
  SecuredCorrelator correlator({.with_tls = false,
                                .keepalive_interval = std::chrono::milliseconds(300),
                                .keepalive_patience = std::chrono::milliseconds(2'000)});
  GoodProbe probe(correlator, grpc::InsecureChannelCredentials(), "node-a");
  // HTTP/2's preface and empty settings (RFC 9113, 3.4), and nothing after them, as of a node that
  // lost its power.
  const IdleConnections dead(
      correlator, 3, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + std::string("\0\0\0\x04\0\0\0\0\0", 9));
  CHECK(Eventually([&] { return correlator.server->statistics().open_connections == 4; }));
  CHECK(Eventually([&] { return correlator.server->statistics().open_connections == 1; }));
  CHECK(probe.SendBatch());
}

TEST_CASE("the server's figures can be read after it was shut down") {
  SecuredCorrelator correlator;
  CHECK(correlator.Ask(correlator.Credentials()).error_code() != grpc::StatusCode::OK);
  const size_t causes = correlator.server->statistics().refused.size();
  correlator.server->Shutdown(std::chrono::milliseconds(0));
  CHECK(Eventually([&] { return correlator.server->statistics().open_connections == 0; }));
  CHECK(correlator.server->statistics().refused.size() == causes);
}

TEST_CASE("a connection without a call is closed") {
  SecuredCorrelator correlator(
      {.with_tls = false, .idle_patience = std::chrono::milliseconds(1'000)});
  GoodProbe probe(correlator, grpc::InsecureChannelCredentials(), "node-a");
  const IdleConnections idle(correlator, 3, kHttp2Greeting);
  CHECK(Eventually([&] { return correlator.server->statistics().open_connections == 4; }));
  CHECK(Eventually([&] { return correlator.server->statistics().open_connections == 1; }));
  CHECK(probe.SendBatch());
}

TEST_CASE("a connection ends with its age, so that all are judged by the authority of today") {
  SecuredCorrelator correlator({.connection_age = std::chrono::milliseconds(2'000)});
  const IssuedCertificate own = correlator.authority.IssueFor("node-a");
  GoodProbe probe(correlator, correlator.Credentials(&own), "node-a");
  const TestAuthority next("next authority");
  correlator.WriteServerFiles(
      next.Issue({.common_name = "correlator", .alternative_names = "IP:127.0.0.1"}),
      next.certificate_pem());
  CHECK(Eventually([&] { return !probe.SendBatch(); }));
  CHECK(correlator.Hello(correlator.Credentials(&own), "node-a").error_code() ==
        StatusCode::UNAVAILABLE);
}

TEST_CASE("one certificate has few streams without Hello, and others notice nothing") {
  SecuredCorrelator correlator;
  const IssuedCertificate greedy = correlator.authority.IssueFor("node-b");
  const auto stub = v1::ProbeService::NewStub(
      grpc::CreateChannel(correlator.address, correlator.Credentials(&greedy)));
  constexpr int kStreams = 10;
  std::vector<std::unique_ptr<grpc::ClientContext>> contexts;
  std::vector<std::unique_ptr<grpc::ClientReaderWriter<v1::StreamRequest, v1::StreamResponse>>>
      streams;
  for (int i = 0; i < kStreams; ++i) {
    contexts.push_back(std::make_unique<grpc::ClientContext>());
    streams.push_back(stub->Stream(contexts.back().get()));
  }
  CHECK(Eventually([&] { return correlator.IngestErrors("hello_limit") == kStreams - 4; }));
  const IssuedCertificate good = correlator.authority.IssueFor("node-a");
  GoodProbe probe(correlator, correlator.Credentials(&good), "node-a");
  CHECK(probe.SendBatch());
  CHECK(correlator.Hello(correlator.Credentials(&greedy), "node-b").error_code() ==
        StatusCode::RESOURCE_EXHAUSTED);
  for (int i = 0; i < kStreams; ++i) {
    contexts[i]->TryCancel();
    streams[i]->Finish();
  }
  CHECK(
      Eventually([&] { return correlator.Hello(correlator.Credentials(&greedy), "node-b").ok(); }));
}

TEST_CASE("a stream without Hello is ended and counted") {
  SecuredCorrelator correlator({.hello_patience = std::chrono::milliseconds(200)});
  const IssuedCertificate good = correlator.authority.IssueFor("node-a");
  const IssuedCertificate other = correlator.authority.IssueFor("node-b");
  GoodProbe probe(correlator, correlator.Credentials(&good), "node-a");
  const auto stub = v1::ProbeService::NewStub(
      grpc::CreateChannel(correlator.address, correlator.Credentials(&other)));
  grpc::ClientContext context;
  const auto stream = stub->Stream(&context);
  v1::StreamResponse response;
  CHECK_FALSE(stream->Read(&response));
  CHECK(stream->Finish().error_code() == StatusCode::DEADLINE_EXCEEDED);
  CHECK(correlator.IngestErrors("hello_missing") == 1);
  // Who said Hello is not meant.
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  CHECK(probe.SendBatch());
}

}  // namespace
}  // namespace audio_latency::correlator
