// A gRPC server that takes batches as the correlator does, and fails when it is told to.

#ifndef TESTS_UNIT_PROBE_UPLINK_TEST_CORRELATOR_H_
#define TESTS_UNIT_PROBE_UPLINK_TEST_CORRELATOR_H_

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "audio_latency/v1/probe.grpc.pb.h"

namespace audio_latency::probe {

class TestCorrelator final : public v1::ProbeService::Service {
 public:
  struct Behaviour {
    // Ends each of the first streams after so many batches, without acknowledging the last one.
    std::vector<int> break_after_batches;
    // Acknowledges every n-th batch only.
    int acknowledge_every = 1;
    // How many batches may be on the way.
    uint32_t credit_batches = 1000;
    // What is to be kept; 0: not told.
    uint32_t sampling_threshold = 0;
    // Answers Hello by ending the stream with this.
    std::string refusal;
    grpc::StatusCode refusal_code = grpc::StatusCode::FAILED_PRECONDITION;
    // Never answers Hello.
    bool is_mute = false;
  };

  // What was seen, over all streams.
  struct Seen {
    // Batches by number, as first taken.
    std::map<uint64_t, v1::EventBatch> batches;
    int duplicates = 0;
    // Batches that were not the next one of the numbers taken so far.
    int gaps = 0;
    // Uses of a flow or interface that the stream had not defined.
    int undefined = 0;
    int streams = 0;
    std::set<std::string> instances;
    std::vector<v1::ClockRequest> clock_requests;
  };

  // Listens on 127.0.0.1; port 0 takes any.
  explicit TestCorrelator(Behaviour behaviour, int port = 0);
  ~TestCorrelator() override;

  int port() const { return port_; }
  std::string address() const;
  // Waits until `condition` holds of what was seen; false after 20 s.
  bool WaitFor(const std::function<bool(const Seen&)>& condition);
  Seen seen();

  grpc::Status Stream(
      grpc::ServerContext* context,
      grpc::ServerReaderWriter<v1::StreamResponse, v1::StreamRequest>* stream) override;

 private:
  using ServerStream = grpc::ServerReaderWriter<v1::StreamResponse, v1::StreamRequest>;

  // What one stream defined.
  struct Defined {
    std::set<uint64_t> flows;
    std::set<uint32_t> interfaces;
  };

  void Take(const v1::EventBatch& batch, Defined* defined);
  grpc::Status Serve(grpc::ServerContext* context, ServerStream* stream, int break_after);

  const Behaviour behaviour_;
  std::mutex mutex_;
  std::condition_variable changed_;
  Seen seen_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace audio_latency::probe

#endif  // TESTS_UNIT_PROBE_UPLINK_TEST_CORRELATOR_H_
