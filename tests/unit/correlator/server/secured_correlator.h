// A correlator's server with certificates of a test's own authority, and those who call it.

#ifndef TESTS_UNIT_CORRELATOR_SERVER_SECURED_CORRELATOR_H_
#define TESTS_UNIT_CORRELATOR_SERVER_SECURED_CORRELATOR_H_

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <memory>
#include <string>

#include "audio_latency/v1/latency.grpc.pb.h"
#include "audio_latency/v1/probe.grpc.pb.h"
#include "common/logging/limited_logger.h"
#include "correlator/ingest/node_table.h"
#include "correlator/ingest/probe_service.h"
#include "correlator/server/grpc_server.h"
#include "tests/lab/scratch_folder.h"
#include "tests/support/recording_logger.h"
#include "tests/unit/common/tls/test_authority.h"
#include "tests/unit/correlator/ingest/recording_sink.h"

namespace audio_latency::correlator {

// Whoever is allowed to ask gets an empty answer.
class OpenLatencyService final : public v1::LatencyService::Service {
 public:
  grpc::Status ListNodes(grpc::ServerContext* /*context*/, const v1::ListNodesRequest* /*request*/,
                         v1::ListNodesResponse* /*response*/) override {
    return grpc::Status::OK;
  }
};

class SecuredCorrelator {
 public:
  struct Options {
    bool with_tls = true;
    // Of the TOKEN_FILE; "": there is none.
    std::string tokens = {};
    bool one_certificate_for_all_probes = false;
    ListenerLimits limits = {};
    std::chrono::milliseconds hello_patience{10'000};
    std::chrono::milliseconds handshake_patience{10'000};
    uint32_t max_streams = 2000;
    std::chrono::milliseconds connection_age{3'600'000};
    std::chrono::milliseconds idle_patience{60'000};
    std::chrono::milliseconds keepalive_interval{20'000};
    std::chrono::milliseconds keepalive_patience{10'000};
  };

  explicit SecuredCorrelator(const Options& options);
  SecuredCorrelator() : SecuredCorrelator(Options()) {}
  ~SecuredCorrelator();

  // Replaces the server's certificate, key and authorities, each by a rename.
  void WriteServerFiles(const IssuedCertificate& own, const std::string& authorities_pem);
  void WriteTokens(const std::string& text);

  // A client's credentials; without `own` it has no certificate.
  std::shared_ptr<grpc::ChannelCredentials> Credentials(
      const IssuedCertificate* own = nullptr) const;
  // Asks ListNodes on a connection of its own.
  grpc::Status Ask(const std::shared_ptr<grpc::ChannelCredentials>& credentials,
                   const std::string& authorization = "") const;
  // Says Hello as `node` and waits for the answer, which ends the stream unless it is OK.
  grpc::Status Hello(const std::shared_ptr<grpc::ChannelCredentials>& credentials,
                     const std::string& node) const;

  uint64_t Refused(const std::string& cause) const;
  uint64_t IngestErrors(const std::string& name) const;

  // Signs everybody's certificates at first.
  const TestAuthority authority{"our authority"};
  const lab::ScratchFolder folder;
  audio_latency::testing::RecordingLogger log;
  const MonotonicClock monotonic;
  const RealtimeClock realtime;
  LimitedLogger limited_log{&log, &monotonic};
  RecordingSink sink;
  std::unique_ptr<EndpointDirectory> directory = MakeEmptyDirectory();
  std::unique_ptr<FlowRegistry> flows = FlowRegistry::Create(*directory, 1000);
  NodeTable nodes{flows.get(), &sink, &realtime, &monotonic, IngestLimits{}};
  std::unique_ptr<v1::ProbeService::CallbackService> probe_service;
  OpenLatencyService latency_service;
  std::unique_ptr<GrpcServer> server;
  // "127.0.0.1:port"
  std::string address;
};

// A probe that is connected, for as long as it lives.
class GoodProbe {
 public:
  GoodProbe(const SecuredCorrelator& correlator,
            const std::shared_ptr<grpc::ChannelCredentials>& credentials, const std::string& node);
  ~GoodProbe();

  // Sends one batch and waits until it is acknowledged.
  bool SendBatch();

 private:
  std::unique_ptr<v1::ProbeService::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::StreamRequest, v1::StreamResponse>> stream_;
  uint64_t batch_number_ = 0;
};

}  // namespace audio_latency::correlator

#endif  // TESTS_UNIT_CORRELATOR_SERVER_SECURED_CORRELATOR_H_
