#include "correlator/cli/client.h"

#include <fmt/format.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <algorithm>
#include <chrono>
#include <sstream>
#include <utility>

#include "common/names/node_name.h"
#include "common/status/status_macros.h"
#include "common/tls/handshake_check.h"

namespace audio_latency::correlator {
namespace {

constexpr std::chrono::seconds kDeadline{5};

std::shared_ptr<grpc::Channel> MakeChannel(const Connection& connection,
                                           const TlsMaterial* material) {
  grpc::ChannelArguments arguments;
  // A correlator is inside the cluster: http_proxy is for the world outside.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetMaxReceiveMessageSize(-1);
  if (material == nullptr) {
    return grpc::CreateCustomChannel(connection.server, grpc::InsecureChannelCredentials(),
                                     arguments);
  }
  if (!connection.server_name.empty()) {
    arguments.SetSslTargetNameOverride(connection.server_name);
  }
  return grpc::CreateCustomChannel(
      connection.server,
      grpc::SslCredentials({.pem_root_certs = material->authorities_pem,
                            .pem_private_key = material->key_pem,
                            .pem_cert_chain = material->certificate_pem}),
      arguments);
}

// The first line of a token file that is neither empty nor a comment.
absl::StatusOr<std::string> ReadToken(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, ReadSmallFile(path));
  std::istringstream lines(text);
  for (std::string token; std::getline(lines, token);) {
    constexpr char kSpace[] = " \t\r";
    token.erase(token.find_last_not_of(kSpace) + 1);
    token.erase(0, token.find_first_not_of(kSpace));
    if (!token.empty() && token.front() != '#') {
      constexpr size_t kMaxTokenBytes = 4096;
      if (!IsPlainText(token, kMaxTokenBytes)) {
        return absl::FailedPreconditionError(fmt::format(
            "{}: what it holds is no token: one is ASCII without control characters", path));
      }
      return token;
    }
  }
  return absl::FailedPreconditionError(fmt::format("{}: it holds no token", path));
}

// gRPC tells the whole chain of what failed, outermost first: its end says it.
std::string Cause(const std::string& message) {
  const size_t end_of_chain = message.rfind(": ");
  return message.find("last error") == std::string::npos || end_of_chain == std::string::npos
             ? message
             : message.substr(end_of_chain + 2);
}

// Reads until `take` has enough.
template <typename Response>
grpc::Status ReadAll(grpc::ClientContext* context, grpc::ClientReader<Response>* reader,
                     const std::function<bool(const Response&)>& take) {
  Response response;
  bool enough = false;
  while (!enough && reader->Read(&response)) {
    enough = !take(response);
  }
  if (enough) {
    context->TryCancel();
  }
  const grpc::Status status = reader->Finish();
  return enough ? grpc::Status::OK : status;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Client>> Client::Open(const Connection& connection) {
  std::optional<TlsMaterial> material;
  if (!connection.tls.empty()) {
    ASSIGN_OR_RETURN(material, LoadTlsMaterial(connection.tls));
  }
  std::string token;
  if (!connection.token_file.empty()) {
    ASSIGN_OR_RETURN(token, ReadToken(connection.token_file));
  }
  return std::unique_ptr<Client>(new Client(connection, std::move(material), std::move(token)));
}

Client::Client(const Connection& connection, std::optional<TlsMaterial> material, std::string token)
    : connection_(connection),
      material_(std::move(material)),
      token_(std::move(token)),
      stub_(v1::LatencyService::NewStub(
          MakeChannel(connection_, material_.has_value() ? &*material_ : nullptr))) {}

void Client::Prepare(bool has_deadline, grpc::ClientContext* context) const {
  if (has_deadline) {
    context->set_deadline(std::chrono::system_clock::now() + kDeadline);
  }
  if (!token_.empty()) {
    context->AddMetadata("authorization", "Bearer " + token_);
  }
}

absl::StatusOr<v1::ListPathsResponse> Client::ListPaths(const v1::ListPathsRequest& request) {
  grpc::ClientContext context;
  Prepare(/*has_deadline=*/true, &context);
  v1::ListPathsResponse response;
  RETURN_IF_ERROR(Explain(stub_->ListPaths(&context, request, &response)));
  return response;
}

absl::StatusOr<v1::ListHopsResponse> Client::ListHops(const v1::ListHopsRequest& request) {
  grpc::ClientContext context;
  Prepare(/*has_deadline=*/true, &context);
  v1::ListHopsResponse response;
  RETURN_IF_ERROR(Explain(stub_->ListHops(&context, request, &response)));
  return response;
}

absl::StatusOr<v1::ListNodesResponse> Client::ListNodes() {
  grpc::ClientContext context;
  Prepare(/*has_deadline=*/true, &context);
  v1::ListNodesResponse response;
  RETURN_IF_ERROR(Explain(stub_->ListNodes(&context, {}, &response)));
  return response;
}

absl::StatusOr<v1::TraceSignatureResponse> Client::TraceSignature(
    const v1::TraceSignatureRequest& request) {
  grpc::ClientContext context;
  Prepare(/*has_deadline=*/true, &context);
  v1::TraceSignatureResponse response;
  RETURN_IF_ERROR(Explain(stub_->TraceSignature(&context, request, &response)));
  return response;
}

template <typename Response, typename OpenReader>
absl::Status Client::Watch(const OpenReader& open,
                           const std::function<bool(const Response&)>& take) {
  // Again where the connection ended, by its age above all, as long as the correlator goes on: one
  // that is shutting down may still answer for a while.
  for (grpc::Status ended;;) {
    // A watch has no deadline: a call that has one tells first whether anybody answers.
    if (const absl::Status there = ListNodes().status(); !there.ok()) {
      return absl::IsUnavailable(there) && !ended.ok() ? Explain(ended) : there;
    }
    grpc::ClientContext context;
    Prepare(/*has_deadline=*/false, &context);
    const std::unique_ptr<grpc::ClientReader<Response>> reader = open(&context);
    bool is_heard = false;
    const grpc::Status now =
        ReadAll<Response>(&context, reader.get(), [&](const Response& response) {
          is_heard = true;
          return take(response);
        });
    const bool is_gone = now.error_code() == grpc::StatusCode::UNAVAILABLE ||
                         now.error_code() == grpc::StatusCode::CANCELLED;
    if (is_gone && !is_heard && !ended.ok()) {
      return Explain(ended);
    }
    if (now.error_code() != grpc::StatusCode::UNAVAILABLE) {
      return Explain(now);
    }
    ended = now;
  }
}

absl::Status Client::WatchPaths(const v1::WatchPathsRequest& request,
                                const std::function<bool(const v1::WatchPathsResponse&)>& take) {
  return Watch([&](grpc::ClientContext* context) { return stub_->WatchPaths(context, request); },
               take);
}

absl::Status Client::WatchMatches(
    const std::function<bool(const v1::WatchMatchesResponse&)>& take) {
  return Watch([&](grpc::ClientContext* context) { return stub_->WatchMatches(context, {}); },
               take);
}

absl::Status Client::ExplainNoAnswer(const std::string& message) const {
  constexpr std::chrono::milliseconds kHandshakePatience(2'000);
  if (material_.has_value()) {
    absl::Status handshake =
        CheckHandshake(connection_.server, connection_.server_name, *material_, kHandshakePatience);
    if (absl::IsUnauthenticated(handshake)) {
      return handshake;
    }
  } else if (message.find("Socket closed") != std::string::npos ||
             message.find("Connection reset by peer") != std::string::npos) {
    return absl::UnavailableError(
        fmt::format("what answers at {} closed the connection; if it is a correlator with "
                    "certificates give --ca (and --cert and --key, or --token-file)",
                    connection_.server));
  }
  return absl::UnavailableError(
      fmt::format("no correlator answers at {} ({}); start audio-latency-correlator there or "
                  "name another with --server HOST:PORT",
                  connection_.server, Cause(message)));
}

absl::Status Client::Explain(const grpc::Status& status) const {
  if (status.ok()) {
    return absl::OkStatus();
  }
  std::string message = status.error_message();
  std::replace(message.begin(), message.end(), '\n', ' ');
  switch (status.error_code()) {
    case grpc::StatusCode::UNAVAILABLE:
    case grpc::StatusCode::DEADLINE_EXCEEDED:
    case grpc::StatusCode::CANCELLED:  // by a correlator that is shutting down
      return ExplainNoAnswer(message);
    case grpc::StatusCode::UNAUTHENTICATED:
      return absl::UnauthenticatedError(
          fmt::format("the correlator at {} refuses: {}", connection_.server, message));
    case grpc::StatusCode::UNIMPLEMENTED:
      return absl::UnimplementedError(
          fmt::format("what answers at {} is no correlator of this version ({}); check --server",
                      connection_.server, message));
    case grpc::StatusCode::INVALID_ARGUMENT:
      return absl::InvalidArgumentError(message);
    case grpc::StatusCode::NOT_FOUND:
      return absl::NotFoundError(message);
    default:
      return absl::InternalError(
          fmt::format("the correlator at {} failed: {}", connection_.server, message));
  }
}

}  // namespace audio_latency::correlator
