// Asks a correlator.

#ifndef CORRELATOR_CLI_CLIENT_H_
#define CORRELATOR_CLI_CLIENT_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "audio_latency/v1/latency.grpc.pb.h"

namespace audio_latency::correlator {

// Each call waits 5 seconds at most for its answer. When no correlator answers the error is
// UNAVAILABLE, in one line that says what to do.
class Client {
 public:
  // HOST:PORT.
  explicit Client(const std::string& server);

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
  absl::Status Explain(const grpc::Status& status) const;

  const std::string server_;
  std::unique_ptr<v1::LatencyService::Stub> stub_;
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_CLI_CLIENT_H_
