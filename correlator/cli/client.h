// Asks a correlator.

#ifndef CORRELATOR_CLI_CLIENT_H_
#define CORRELATOR_CLI_CLIENT_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "audio_latency/v1/latency.grpc.pb.h"
#include "common/tls/tls_files.h"

namespace audio_latency::correlator {

// Where the correlator is, and what to show it.
struct Connection {
  // HOST:PORT.
  std::string server;
  // Nothing in it: plain text. The certificate and its key may be missing.
  TlsFiles tls;
  // The name that the correlator's certificate must bear; "": the host in `server`.
  std::string server_name;
  // File whose first token is sent along; "": none.
  std::string token_file;
};

// Each call waits 5 seconds at most for its answer. When no correlator answers the error is
// UNAVAILABLE, when one side's certificate or the token is not accepted UNAUTHENTICATED, in one
// line that says what to do.
class Client {
 public:
  // Reads the files; connects with the first call.
  static absl::StatusOr<std::unique_ptr<Client>> Open(const Connection& connection);

  absl::StatusOr<v1::ListPathsResponse> ListPaths(const v1::ListPathsRequest& request);
  absl::StatusOr<v1::ListHopsResponse> ListHops(const v1::ListHopsRequest& request);
  absl::StatusOr<v1::ListNodesResponse> ListNodes();
  absl::StatusOr<v1::TraceSignatureResponse> TraceSignature(
      const v1::TraceSignatureRequest& request);

  // Hands over each answer until `take` returns false or the correlator ends.
  absl::Status WatchPaths(const v1::WatchPathsRequest& request,
                          const std::function<bool(const v1::WatchPathsResponse&)>& take);
  absl::Status WatchMatches(const std::function<bool(const v1::WatchMatchesResponse&)>& take);

 private:
  Client(const Connection& connection, std::optional<TlsMaterial> material, std::string token);

  // `open` begins the call with the context that it is given, anew after a connection's end.
  template <typename Response, typename OpenReader>
  absl::Status Watch(const OpenReader& open, const std::function<bool(const Response&)>& take);
  // For a call of at most some seconds, or without end.
  void Prepare(bool has_deadline, grpc::ClientContext* context) const;
  absl::Status Explain(const grpc::Status& status) const;
  absl::Status ExplainNoAnswer(const std::string& message) const;

  const Connection connection_;
  const std::optional<TlsMaterial> material_;
  const std::string token_;
  std::unique_ptr<v1::LatencyService::Stub> stub_;
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_CLI_CLIENT_H_
