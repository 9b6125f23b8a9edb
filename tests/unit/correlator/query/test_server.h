// A real gRPC server on loopback with the query service over fake readers and a real registry.

#ifndef TESTS_UNIT_CORRELATOR_QUERY_TEST_SERVER_H_
#define TESTS_UNIT_CORRELATOR_QUERY_TEST_SERVER_H_

#include <grpcpp/channel.h>
#include <grpcpp/server.h>

#include <chrono>
#include <memory>
#include <string>

#include "audio_latency/v1/latency.grpc.pb.h"
#include "common/time/clock.h"
#include "correlator/flows/flow_registry.h"
#include "correlator/query/latency_service.h"
#include "tests/unit/correlator/query/fake_readers.h"

namespace audio_latency::correlator {

class TestServer {
 public:
  // Whoever has not ended by then is ended by force.
  static constexpr std::chrono::seconds kShutdownPatience{20};

  // Ends connections that are older than `connection_age`, 0: none.
  explicit TestServer(int max_watchers = kDefaultMaxWatchers,
                      std::chrono::milliseconds connection_age = std::chrono::milliseconds(0));
  ~TestServer();
  TestServer(const TestServer&) = delete;
  TestServer& operator=(const TestServer&) = delete;

  // Fills the readers, and one match of signature 0xab54a98ceb1f0ad2 along the path.
  void FillWithThreeNodes();

  // Ends everything, in the order that the correlator's main does.
  void Shutdown();

  const std::string& address() const { return address_; }
  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }
  v1::LatencyService::Stub& stub() { return *stub_; }

  FakePathReader paths;
  FakeNodeReader nodes;
  FakeMatchingReader matching;
  FakeLoadReader load;
  ManualClock monotonic{5'000'000'000};
  ManualClock realtime{1704110400'000'000'000};

 private:
  FlowId AddFlow(const std::string& node, Direction direction, const std::string& source,
                 const std::string& destination);

  std::unique_ptr<EndpointDirectory> directory_;
  std::unique_ptr<FlowRegistry> flows_;
  std::unique_ptr<LatencyQueryService> service_;
  std::unique_ptr<grpc::Server> server_;
  std::string address_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::LatencyService::Stub> stub_;
};

}  // namespace audio_latency::correlator

#endif  // TESTS_UNIT_CORRELATOR_QUERY_TEST_SERVER_H_
