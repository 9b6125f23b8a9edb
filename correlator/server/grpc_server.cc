#include "correlator/server/grpc_server.h"

#include <grpcpp/grpcpp.h>

#include "absl/status/status.h"
#include "common/logging/limited_logger.h"
#include "common/status/status_macros.h"
#include "correlator/server/call_gate.h"
#include "correlator/server/handshake_failures.h"
#include "correlator/server/server_credentials.h"
#include "correlator/server/token_file.h"
#include "fmt/format.h"
#include "nlohmann/json.hpp"

namespace audio_latency::correlator {
namespace {

// Probes ask "are you there?" this often at most.
constexpr int kLeastPingIntervalMs = 1'000;
// Calls at once on one connection: a probe has one, a command line another.
constexpr int kMaxConcurrentCalls = 32;

class GatedGrpcServer final : public GrpcServer {
 public:
  GatedGrpcServer(std::unique_ptr<TlsStore> tls, std::unique_ptr<TokenFile> tokens,
                  const Clock& realtime, const Clock& monotonic, Logger* logger)
      : tls_(std::move(tls)),
        tokens_(std::move(tokens)),
        monotonic_(monotonic),
        limited_logger_(logger, &monotonic),
        gate_(tls_.get(), tokens_.get(), &realtime, &refusals_, &limited_logger_) {}

  ~GatedGrpcServer() override { Shutdown(std::chrono::milliseconds(0)); }

  absl::Status Start(const GrpcServerOptions& options,
                     const std::vector<grpc::Service*>& services) {
    absl::StatusOr<std::unique_ptr<Listener>> listener =
        Listener::Open({.host = options.address,
                        .port = options.port,
                        .limits = options.limits,
                        .greeting = tls_ == nullptr ? Greeting::kHttp2 : Greeting::kTls,
                        .greeting_patience = options.handshake_patience},
                       &refusals_, &monotonic_, &limited_logger_);
    if (!listener.ok()) {
      return absl::UnavailableError(fmt::format(
          "cannot listen on {} port {} for gRPC ({}): end the other program or set GRPC_PORT (and "
          "GRPC_ADDRESS)",
          options.address, options.port, Message(listener.status())));
    }
    listener_ = *std::move(listener);
    if (tls_ != nullptr) {
      handshake_failures_.emplace(
          [this](const HandshakeFailure& failure) { OnHandshakeFailed(failure); });
    }
    grpc::ServerBuilder builder;
    builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                               kLeastPingIntervalMs);
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
    builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS,
                               static_cast<int>(options.connection_age.count()));
    builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS,
                               static_cast<int>(options.connection_age_grace.count()));
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS,
                               static_cast<int>(options.keepalive_interval.count()));
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS,
                               static_cast<int>(options.keepalive_patience.count()));
    // gRPC would stop asking after two questions in a silence.
    builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
    builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMaxConcurrentCalls);
    builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS,
                               static_cast<int>(options.handshake_patience.count()));
    builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS,
                               static_cast<int>(options.idle_patience.count()));
    builder.SetMaxReceiveMessageSize(options.max_message_bytes);
    acceptor_ = builder.experimental().AddExternalConnectionAcceptor(
        grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD,
        MakeServerCredentials(tls_.get(), &gate_));
    for (grpc::Service* const service : services) {
      builder.RegisterService(service);
    }
    server_ = builder.BuildAndStart();
    if (server_ == nullptr) {
      return absl::InternalError("the gRPC server did not start");
    }
    listener_->Start([this](int fd) {
      grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters connection;
      connection.fd = fd;
      acceptor_->HandleNewConnection(&connection);
    });
    port_ = listener_->port();
    return absl::OkStatus();
  }

  void Shutdown(std::chrono::milliseconds patience) override {
    if (server_ == nullptr) {
      return;
    }
    // It lives on for statistics().
    listener_->Stop();
    server_->Shutdown(std::chrono::system_clock::now() + patience);
    server_->Wait();
    server_.reset();
  }

  uint16_t port() const override { return port_; }

  GrpcServerStatistics statistics() const override {
    GrpcServerStatistics statistics{.open_connections = listener_->open_connections(),
                                    .refused = refusals_.All(),
                                    .tls = std::nullopt};
    if (tls_ != nullptr) {
      statistics.tls = tls_->statistics();
    }
    return statistics;
  }

 private:
  void OnHandshakeFailed(const HandshakeFailure& failure) {
    refusals_.Count(ServerRefusal::kHandshakeFailed);
    limited_logger_.Log(
        LogLevel::kWarn, "handshake_failed",
        fmt::format("A TLS handshake with {} failed ({}); if that is one of ours, its own log says "
                    "what it has against this correlator's certificate",
                    failure.peer.empty() ? "a stranger" : failure.peer, failure.reason),
        {{"peer", failure.peer}});
  }

  const std::unique_ptr<TlsStore> tls_;
  const std::unique_ptr<TokenFile> tokens_;
  RefusalCounters refusals_;
  const Clock& monotonic_;
  LimitedLogger limited_logger_;
  const CallGate gate_;
  std::optional<HandshakeFailures> handshake_failures_;
  std::unique_ptr<Listener> listener_;
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> acceptor_;
  std::unique_ptr<grpc::Server> server_;
  uint16_t port_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<GrpcServer>> GrpcServer::Start(
    const GrpcServerOptions& options, const std::vector<grpc::Service*>& services,
    const Clock& realtime, const Clock& monotonic, Logger* logger) {
  std::unique_ptr<TlsStore> tls;
  if (options.tls.use_tls()) {
    ASSIGN_OR_RETURN(tls,
                     TlsStore::Open(options.tls.files, realtime, logger, options.reload_interval));
  }
  std::unique_ptr<TokenFile> tokens;
  if (!options.token_file.empty()) {
    ASSIGN_OR_RETURN(tokens, TokenFile::Open(options.token_file, logger, options.reload_interval));
  }
  auto server = std::make_unique<GatedGrpcServer>(std::move(tls), std::move(tokens), realtime,
                                                  monotonic, logger);
  RETURN_IF_ERROR(server->Start(options, services));
  return server;
}

}  // namespace audio_latency::correlator
