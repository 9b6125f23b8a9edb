#include "tests/unit/correlator/query/test_server.h"

#include <fmt/format.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/server_builder.h>
#include <netinet/in.h>

#include <catch2/catch.hpp>
#include <chrono>

namespace audio_latency::correlator {
namespace {

constexpr uint32_t kMaxFlows = 100;
constexpr uint16_t kAudioPort = 9000;
constexpr uint32_t kInitialSequence = 1000;

// Knows the three pods of FillThreeNodes.
class ThreePods final : public EndpointDirectory {
 public:
  Resolution Resolve(const EndpointQuery& query) const override {
    for (const Endpoint& endpoint :
         {PodEndpoint("ingress", 1, "node-a"), PodEndpoint("processor", 2, "node-b"),
          PodEndpoint("egress", 3, "node-c")}) {
      if (endpoint.address == query.address) {
        return {.endpoint = endpoint};
      }
    }
    Resolution unknown;
    unknown.endpoint.address = query.address;
    return unknown;
  }
};

}  // namespace

TestServer::TestServer(int max_watchers, std::chrono::milliseconds connection_age)
    : directory_(std::make_unique<ThreePods>()),
      flows_(FlowRegistry::Create(*directory_, kMaxFlows)),
      service_(MakeLatencyService({.paths = paths,
                                   .nodes = nodes,
                                   .flows = *flows_,
                                   .monotonic = monotonic,
                                   .realtime = realtime,
                                   .matching = &matching,
                                   .load = &load},
                                  max_watchers)) {
  EnableHealthAndReflection();
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(service_.get());
  if (connection_age.count() > 0) {
    builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS,
                               static_cast<int>(connection_age.count()));
    builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS, 1);
  }
  server_ = builder.BuildAndStart();
  REQUIRE(server_ != nullptr);
  address_ = fmt::format("127.0.0.1:{}", port);
  channel_ = grpc::CreateChannel(address_, grpc::InsecureChannelCredentials());
  stub_ = v1::LatencyService::NewStub(channel_);
}

TestServer::~TestServer() { Shutdown(); }

void TestServer::Shutdown() {
  service_->StopWatchers();
  server_->Shutdown(std::chrono::system_clock::now() + kShutdownPatience);
  server_->Wait();
}

FlowId TestServer::AddFlow(const std::string& node, Direction direction, const std::string& source,
                           const std::string& destination) {
  FlowDescription flow;
  flow.node = *flows_->InternNode(node);
  flow.interface_name = "eth0";
  flow.direction = direction;
  flow.source = *IpAddress::Parse(source);
  flow.destination = *IpAddress::Parse(destination);
  flow.source_port = 40000;
  flow.destination_port = kAudioPort;
  flow.transport = IPPROTO_TCP;
  flow.initial_sequence = kInitialSequence;
  const absl::StatusOr<FlowId> id = flows_->Add(flow, realtime.NowNs());
  REQUIRE(id.ok());
  return *id;
}

void TestServer::FillWithThreeNodes() {
  FillThreeNodes(&paths, &nodes, &matching);
  const FlowId out_of_ingress = AddFlow("node-a", Direction::kEgress, "10.0.1.5", "10.0.2.5");
  const FlowId into_processor = AddFlow("node-b", Direction::kIngress, "10.0.1.5", "10.0.2.5");
  const FlowId out_of_processor = AddFlow("node-b", Direction::kEgress, "10.0.2.5", "10.0.3.5");
  const FlowId into_egress = AddFlow("node-c", Direction::kIngress, "10.0.2.5", "10.0.3.5");
  Match match;
  match.signature = 0xab54a98ceb1f0ad2;
  match.passages.resize(2);
  Passage& first = match.passages[0];
  first.position = kInitialSequence + 64000;
  first.first = {out_of_ingress, 4'000'000'000};
  first.last = {into_processor, 4'000'310'000};
  Passage& second = match.passages[1];
  second.position = kInitialSequence + 32000;
  second.first = {out_of_processor, 4'040'510'000};
  second.last = {into_egress, 4'040'800'000};
  second.predecessor = 0;
  second.decision = Decision::kUnique;
  paths.matches.push_back(match);
}

}  // namespace audio_latency::correlator
