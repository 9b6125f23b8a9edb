// The gRPC server: services behind a listener with limits and a gate that knows who may call.

#ifndef CORRELATOR_SERVER_GRPC_SERVER_H_
#define CORRELATOR_SERVER_GRPC_SERVER_H_

#include <grpcpp/impl/service_type.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "common/logging/logger.h"
#include "common/time/clock.h"
#include "common/tls/tls_options.h"
#include "common/tls/tls_store.h"
#include "correlator/server/listener.h"

namespace audio_latency::correlator {

struct GrpcServerOptions {
  std::string address = "127.0.0.1";
  // 0: any.
  uint16_t port = 0;
  // Checked by CheckTlsOptions.
  TlsOptions tls;
  // "": the query API asks for no token.
  std::string token_file;
  ListenerLimits limits;
  // Larger ones end their call.
  int max_message_bytes = 4 << 20;
  // A connection that has said nothing by then, and one that has not agreed on TLS so long after
  // its first byte, is closed.
  std::chrono::milliseconds handshake_patience{10'000};
  // So is one without a call.
  std::chrono::milliseconds idle_patience{10'000};
  // A connection is asked this often whether the other side is still there, and closed when no
  // answer comes for so long: a node that lost its power or its network says no goodbye.
  std::chrono::milliseconds keepalive_interval{20'000};
  std::chrono::milliseconds keepalive_patience{10'000};
  // A connection this old (gRPC makes it up to a tenth less or more) takes no more calls and is
  // closed after the grace, so that every caller is judged anew by what is valid then.
  std::chrono::milliseconds connection_age{3'600'000};
  std::chrono::milliseconds connection_age_grace{5'000};
  // Between two looks at the certificate and token files.
  std::chrono::milliseconds reload_interval = FileWatcher::kInterval;
};

struct GrpcServerStatistics {
  uint32_t open_connections = 0;
  // By cause.
  std::vector<std::pair<std::string, uint64_t>> refused;
  // Nothing in plain text.
  std::optional<TlsStatistics> tls;
};

// Thread-safe.
class GrpcServer {
 public:
  // The error names the option to change. Everything given by reference or pointer must outlive the
  // server.
  static absl::StatusOr<std::unique_ptr<GrpcServer>> Start(
      const GrpcServerOptions& options, const std::vector<grpc::Service*>& services,
      const Clock& realtime, const Clock& monotonic, Logger* logger);
  // Ends at once what Shutdown left.
  virtual ~GrpcServer() = default;

  // Takes no more connections and calls, and gives those under way so long to end.
  virtual void Shutdown(std::chrono::milliseconds patience) = 0;
  virtual uint16_t port() const = 0;
  virtual GrpcServerStatistics statistics() const = 0;
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_SERVER_GRPC_SERVER_H_
