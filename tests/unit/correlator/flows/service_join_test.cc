// Conversations through a service's address, which one side of the translation sees.

#include <catch2/catch.hpp>
#include <cstdint>
#include <optional>
#include <string>

#include "correlator/flows/flow_registry.h"
#include "tests/unit/correlator/testing/changing_directory.h"

namespace audio_latency::correlator {
namespace {

constexpr int64_t kSecondNs = 1'000'000'000;
constexpr const char* kClient = "10.0.0.1";
constexpr const char* kService = "10.96.0.7";
constexpr const char* kPod = "10.0.1.2";
constexpr const char* kOtherPod = "10.0.1.3";

struct Fixture {
  Fixture() {
    REQUIRE(flows->InternNode("node-a").ok());
    directory.GivePod(kClient, "client-1", "client");
    directory.GiveService(kService, "voice-in");
    directory.GivePod(kPod, "server-1", "server");
    directory.GivePod(kOtherPod, "server-2", "server");
  }

  FlowId Add(const std::string& source, const std::string& destination,
             std::optional<uint32_t> initial_sequence = std::nullopt, bool is_back = false) {
    FlowDescription flow;
    flow.interface_name = "eth0";
    flow.source = *IpAddress::Parse(source);
    flow.destination = *IpAddress::Parse(destination);
    flow.source_port = is_back ? 80 : 40'000;
    flow.destination_port = is_back ? 40'000 : 80;
    if (destination == kPod || destination == kOtherPod) {
      flow.destination_port = 8080;  // the pod's own
    }
    if (source == kPod || source == kOtherPod) {
      flow.source_port = 8080;
    }
    flow.transport = 6;
    flow.initial_sequence = initial_sequence;
    return *flows->Add(flow, 0);
  }
  std::string Destination(FlowId flow) const {
    return flows->EndpointOf(flows->Record(flow).destination).pod.empty()
               ? flows->EndpointOf(flows->Record(flow).destination).PathName()
               : flows->EndpointOf(flows->Record(flow).destination).pod;
  }
  bool AreOne(FlowId a, FlowId b) const {
    return flows->Record(a).conversation == flows->Record(b).conversation;
  }

  testing::ChangingDirectory directory;
  std::unique_ptr<FlowRegistry> flows = FlowRegistry::Create(directory, 100);
};

TEST_CASE("A flow to a service that is seen on one side only shows the service's name") {
  Fixture fixture;
  const FlowId flow = fixture.Add(kClient, kService);
  CHECK(fixture.Destination(flow) == "voice-in");
  CHECK(fixture.flows->Names().services == 1);
  CHECK(fixture.flows->Names().services_joined == 0);
}

TEST_CASE("Both sides of a service's address are one conversation, whichever came first") {
  Fixture fixture;
  const bool client_first = GENERATE(true, false);
  FlowId at_client = 0;
  FlowId at_server = 0;
  if (client_first) {
    at_client = fixture.Add(kClient, kService);
    at_server = fixture.Add(kClient, kPod);
  } else {
    at_server = fixture.Add(kClient, kPod);
    at_client = fixture.Add(kClient, kService);
  }
  CHECK(fixture.AreOne(at_client, at_server));
  CHECK(fixture.Destination(at_client) == "server-1");
  CHECK(fixture.Destination(at_server) == "server-1");
  // What was on the wire is not forgotten.
  CHECK(fixture.flows->Description(at_client).destination.ToString() == kService);
  CHECK(fixture.flows->Names().services_joined == 1);
}

TEST_CASE("The way back is one conversation, too") {
  Fixture fixture;
  const FlowId at_server = fixture.Add(kPod, kClient, std::nullopt, true);
  const FlowId at_client = fixture.Add(kService, kClient, std::nullopt, true);
  CHECK(fixture.AreOne(at_client, at_server));
  CHECK(fixture.flows->EndpointOf(fixture.flows->Record(at_client).source).pod == "server-1");
}

TEST_CASE("What could be the conversation of several pods is left apart, and counted") {
  Fixture fixture;
  const FlowId at_client = fixture.Add(kClient, kService);
  const FlowId one = fixture.Add(kClient, kPod);
  const FlowId other = fixture.Add(kClient, kOtherPod);
  CHECK(fixture.Destination(at_client) == "voice-in");
  CHECK_FALSE(fixture.AreOne(at_client, one));
  CHECK_FALSE(fixture.AreOne(at_client, other));
  CHECK(fixture.flows->Names().services_ambiguous == 1);
  CHECK(fixture.flows->Names().services_joined == 0);

  // The client has hung up there: one is left.
  fixture.flows->Remove(other, kSecondNs);
  CHECK(fixture.AreOne(at_client, one));
  CHECK(fixture.flows->Names().services_ambiguous == 0);
}

TEST_CASE("TCP's initial sequence number tells which of several it is") {
  Fixture fixture;
  const FlowId at_client = fixture.Add(kClient, kService, 1234);
  const FlowId one = fixture.Add(kClient, kPod, 777);
  CHECK_FALSE(fixture.AreOne(at_client, one));
  const FlowId other = fixture.Add(kClient, kOtherPod, 1234);
  CHECK(fixture.AreOne(at_client, other));
  CHECK(fixture.Destination(at_client) == "server-2");
}

TEST_CASE("A pod of another namespace is not behind the service") {
  Fixture fixture;
  Endpoint stranger;
  stranger.pod = "stranger-1";
  stranger.namespace_name = "elsewhere";
  fixture.directory.Give("10.0.1.9", stranger);
  const FlowId at_client = fixture.Add(kClient, kService);
  const FlowId at_stranger = fixture.Add(kClient, "10.0.1.9");
  CHECK_FALSE(fixture.AreOne(at_client, at_stranger));
}

TEST_CASE("Sides are joined when their names come late, and part when the pod's side ends") {
  Fixture fixture;
  const FlowId at_client = fixture.Add(kClient, "10.96.0.8");
  const FlowId at_server = fixture.Add(kClient, "10.0.1.4");
  CHECK_FALSE(fixture.AreOne(at_client, at_server));
  fixture.directory.GiveService("10.96.0.8", "late");
  fixture.directory.GivePod("10.0.1.4", "late-1", "late");
  fixture.flows->Refresh(kSecondNs, kSecondNs);
  CHECK(fixture.AreOne(at_client, at_server));
  CHECK(fixture.Destination(at_client) == "late-1");

  // A little after the pod's side the client's ends, too: until then it stays what it was.
  fixture.flows->Remove(at_server, 2 * kSecondNs);
  CHECK(fixture.AreOne(at_client, at_server));
  fixture.flows->ReleaseRemoved(2 * kSecondNs + kFlowQuarantineNs);
  CHECK(fixture.Destination(at_client) == "late");
  CHECK(fixture.flows->Names().services_joined == 0);
}

TEST_CASE("The number that a pod's side lent to the service's is nobody else's for long enough") {
  Fixture fixture;
  const FlowId at_client = fixture.Add(kClient, kService);
  const FlowId at_server = fixture.Add(kClient, kPod);
  REQUIRE(fixture.AreOne(at_client, at_server));
  const ConversationId lent = fixture.flows->Record(at_client).conversation;
  fixture.flows->Remove(at_server, 0);
  // The pod's side goes; matches of the client's side are about that name the number.
  fixture.flows->ReleaseRemoved(kFlowQuarantineNs);
  REQUIRE(fixture.flows->Record(at_client).conversation != lent);
  fixture.flows->ReleaseRemoved(3 * kFlowQuarantineNs - 1);
  const FlowId early = fixture.Add("10.0.5.1", "10.0.5.2");
  CHECK(fixture.flows->Record(early).conversation != lent);
  fixture.flows->ReleaseRemoved(3 * kFlowQuarantineNs);
  const FlowId late = fixture.Add("10.0.5.3", "10.0.5.4");
  CHECK(fixture.flows->Record(late).conversation == lent);
}

}  // namespace
}  // namespace audio_latency::correlator
