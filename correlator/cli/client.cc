#include "correlator/cli/client.h"

#include <fmt/format.h>
#include <grpcpp/create_channel.h>

#include <algorithm>
#include <chrono>

#include "common/status/status_macros.h"

namespace audio_latency::correlator {
namespace {

constexpr std::chrono::seconds kDeadline{5};

std::shared_ptr<grpc::Channel> Connect(const std::string& server) {
  grpc::ChannelArguments arguments;
  // A correlator is inside the cluster: http_proxy is for the world outside.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetMaxReceiveMessageSize(-1);
  return grpc::CreateCustomChannel(server, grpc::InsecureChannelCredentials(), arguments);
}

void SetDeadline(grpc::ClientContext* context) {
  context->set_deadline(std::chrono::system_clock::now() + kDeadline);
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

Client::Client(const std::string& server)
    : server_(server), stub_(v1::LatencyService::NewStub(Connect(server))) {}

absl::StatusOr<v1::ListPathsResponse> Client::ListPaths(const v1::ListPathsRequest& request) {
  grpc::ClientContext context;
  SetDeadline(&context);
  v1::ListPathsResponse response;
  RETURN_IF_ERROR(Explain(stub_->ListPaths(&context, request, &response)));
  return response;
}

absl::StatusOr<v1::ListHopsResponse> Client::ListHops(const v1::ListHopsRequest& request) {
  grpc::ClientContext context;
  SetDeadline(&context);
  v1::ListHopsResponse response;
  RETURN_IF_ERROR(Explain(stub_->ListHops(&context, request, &response)));
  return response;
}

absl::StatusOr<v1::ListNodesResponse> Client::ListNodes() {
  grpc::ClientContext context;
  SetDeadline(&context);
  v1::ListNodesResponse response;
  RETURN_IF_ERROR(Explain(stub_->ListNodes(&context, {}, &response)));
  return response;
}

absl::StatusOr<v1::TraceSignatureResponse> Client::TraceSignature(
    const v1::TraceSignatureRequest& request) {
  grpc::ClientContext context;
  SetDeadline(&context);
  v1::TraceSignatureResponse response;
  RETURN_IF_ERROR(Explain(stub_->TraceSignature(&context, request, &response)));
  return response;
}

absl::Status Client::WatchPaths(const v1::WatchPathsRequest& request,
                                const std::function<bool(const v1::WatchPathsResponse&)>& take) {
  // A watch has no deadline: a call that has one tells first whether anybody answers.
  RETURN_IF_ERROR(ListNodes().status());
  grpc::ClientContext context;
  const auto reader = stub_->WatchPaths(&context, request);
  return Explain(ReadAll(&context, reader.get(), take));
}

absl::Status Client::WatchMatches(
    const std::function<bool(const v1::WatchMatchesResponse&)>& take) {
  RETURN_IF_ERROR(ListNodes().status());
  grpc::ClientContext context;
  const auto reader = stub_->WatchMatches(&context, {});
  return Explain(ReadAll(&context, reader.get(), take));
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
      return absl::UnavailableError(
          fmt::format("no correlator answers at {} ({}); start audio-latency-correlator there or "
                      "name another with --server HOST:PORT",
                      server_, Cause(message)));
    case grpc::StatusCode::UNIMPLEMENTED:
      return absl::UnimplementedError(
          fmt::format("what answers at {} is no correlator of this version ({}); check --server",
                      server_, message));
    case grpc::StatusCode::INVALID_ARGUMENT:
      return absl::InvalidArgumentError(message);
    case grpc::StatusCode::NOT_FOUND:
      return absl::NotFoundError(message);
    default:
      return absl::InternalError(fmt::format("the correlator at {} failed: {}", server_, message));
  }
}

}  // namespace audio_latency::correlator
