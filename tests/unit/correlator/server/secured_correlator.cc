#include "tests/unit/correlator/server/secured_correlator.h"

#include <catch2/catch.hpp>
#include <cstdio>

#include "common/status/status_macros.h"
#include "fmt/format.h"
#include "tests/unit/correlator/ingest/batches.h"

namespace audio_latency::correlator {
namespace {

// Short, so that tests need not wait for a second.
constexpr std::chrono::milliseconds kReloadInterval(20);
constexpr std::chrono::seconds kDeadline(20);

// As a careful administrator does: nobody ever sees half of it.
void Replace(const lab::ScratchFolder& folder, const std::string& name, const std::string& text) {
  const std::string next = folder.Write(name + ".next", text);
  REQUIRE(std::rename(next.c_str(), (folder.path() + "/" + name).c_str()) == 0);
}

// A connection that nothing else uses.
std::shared_ptr<grpc::Channel> NewChannel(
    const std::string& address, const std::shared_ptr<grpc::ChannelCredentials>& credentials) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(address, credentials, arguments);
}

}  // namespace

SecuredCorrelator::SecuredCorrelator(const Options& options) {
  GrpcServerOptions server_options;
  server_options.limits = options.limits;
  server_options.max_message_bytes = kTransportMaxMessageBytes;
  server_options.reload_interval = kReloadInterval;
  server_options.handshake_patience = options.handshake_patience;
  server_options.connection_age = options.connection_age;
  server_options.connection_age_grace = std::chrono::milliseconds(200);
  server_options.idle_patience = options.idle_patience;
  server_options.keepalive_interval = options.keepalive_interval;
  server_options.keepalive_patience = options.keepalive_patience;
  if (options.with_tls) {
    WriteServerFiles(authority.Issue({.common_name = "correlator",
                                      .alternative_names = "DNS:correlator,IP:127.0.0.1"}),
                     authority.certificate_pem());
    server_options.tls.files = {.certificate = folder.path() + "/cert.pem",
                                .key = folder.path() + "/key.pem",
                                .authorities = folder.path() + "/ca.pem"};
  }
  if (!options.tokens.empty()) {
    WriteTokens(options.tokens);
    server_options.token_file = folder.path() + "/tokens";
  }
  probe_service =
      MakeProbeService(&nodes, &realtime, &monotonic,
                       {.signature = {},
                        .max_streams = options.max_streams,
                        .correlator_instance = "c-1",
                        .hello_patience = options.hello_patience,
                        .one_certificate_for_all_probes = options.one_certificate_for_all_probes,
                        .logger = &limited_log});
  auto started = GrpcServer::Start(server_options, {probe_service.get(), &latency_service},
                                   realtime, monotonic, &log);
  INFO(Message(started.status()));
  REQUIRE(started.ok());
  server = *std::move(started);
  address = fmt::format("127.0.0.1:{}", server->port());
}

SecuredCorrelator::~SecuredCorrelator() { server->Shutdown(std::chrono::milliseconds(500)); }

void SecuredCorrelator::WriteServerFiles(const IssuedCertificate& own,
                                         const std::string& authorities_pem) {
  Replace(folder, "cert.pem", own.certificate_pem);
  Replace(folder, "key.pem", own.key_pem);
  Replace(folder, "ca.pem", authorities_pem);
}

void SecuredCorrelator::WriteTokens(const std::string& text) { Replace(folder, "tokens", text); }

std::shared_ptr<grpc::ChannelCredentials> SecuredCorrelator::Credentials(
    const IssuedCertificate* own) const {
  grpc::SslCredentialsOptions options;
  options.pem_root_certs = authority.certificate_pem();
  if (own != nullptr) {
    options.pem_cert_chain = own->certificate_pem;
    options.pem_private_key = own->key_pem;
  }
  return grpc::SslCredentials(options);
}

grpc::Status SecuredCorrelator::Ask(const std::shared_ptr<grpc::ChannelCredentials>& credentials,
                                    const std::string& authorization) const {
  const auto stub = v1::LatencyService::NewStub(NewChannel(address, credentials));
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kDeadline);
  if (!authorization.empty()) {
    context.AddMetadata("authorization", authorization);
  }
  v1::ListNodesResponse response;
  return stub->ListNodes(&context, {}, &response);
}

grpc::Status SecuredCorrelator::Hello(const std::shared_ptr<grpc::ChannelCredentials>& credentials,
                                      const std::string& node) const {
  const auto stub = v1::ProbeService::NewStub(NewChannel(address, credentials));
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kDeadline);
  const auto stream = stub->Stream(&context);
  v1::StreamRequest request;
  *request.mutable_hello() = MakeHello(node, "i-1");
  stream->Write(request);
  v1::StreamResponse response;
  if (stream->Read(&response)) {
    context.TryCancel();
    stream->Finish();
    return grpc::Status::OK;
  }
  return stream->Finish();
}

uint64_t SecuredCorrelator::Refused(const std::string& cause) const {
  for (const auto& [name, count] : server->statistics().refused) {
    if (name == cause) {
      return count;
    }
  }
  FAIL("no such cause: " << cause);
  return 0;
}

uint64_t SecuredCorrelator::IngestErrors(const std::string& name) const {
  for (const auto& [error, count] : nodes.Errors()) {
    if (error == name) {
      return static_cast<uint64_t>(count);
    }
  }
  FAIL("no such error: " << name);
  return 0;
}

GoodProbe::GoodProbe(const SecuredCorrelator& correlator,
                     const std::shared_ptr<grpc::ChannelCredentials>& credentials,
                     const std::string& node)
    : stub_(v1::ProbeService::NewStub(NewChannel(correlator.address, credentials))),
      stream_(stub_->Stream(&context_)) {
  v1::StreamRequest request;
  *request.mutable_hello() = MakeHello(node, "good");
  REQUIRE(stream_->Write(request));
  v1::StreamResponse response;
  REQUIRE(stream_->Read(&response));
  REQUIRE(response.has_welcome());
}

GoodProbe::~GoodProbe() {
  context_.TryCancel();
  stream_->Finish();
}

bool GoodProbe::SendBatch() {
  v1::StreamRequest request;
  *request.mutable_event_batch() = MakeBatch(++batch_number_, {1});
  AddEvents({batch_number_}, 1, request.mutable_event_batch());
  v1::StreamResponse response;
  if (!stream_->Write(request)) {
    return false;
  }
  while (stream_->Read(&response)) {
    if (response.has_acknowledgement() &&
        response.acknowledgement().batch_number() == batch_number_) {
      return true;
    }
  }
  return false;
}

}  // namespace audio_latency::correlator
