#include "correlator/flows/flow_registry.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"

namespace audio_latency::correlator {
namespace {

constexpr int64_t kSecondNs = 1'000'000'000;

// 10.0.0.x and 10.0.1.x are the two addresses of pod-x.
class TwoAddressDirectory final : public EndpointDirectory {
 public:
  Resolution Resolve(const EndpointQuery& query) const override {
    Resolution resolution;
    Endpoint& endpoint = resolution.endpoint;
    endpoint.address = query.address;
    const auto& bytes = query.address.mapped();
    if (query.address.is_v4() && bytes[12] == 10) {
      endpoint.pod = "pod-" + std::to_string(bytes[15]);
      endpoint.namespace_name = "voice";
    }
    return resolution;
  }
};

FlowDescription Flow(const std::string& source, const std::string& destination, NodeId node = 0,
                     uint16_t source_port = 1000) {
  FlowDescription flow;
  flow.node = node;
  flow.interface_name = "eth0";
  flow.source = *IpAddress::Parse(source);
  flow.destination = *IpAddress::Parse(destination);
  flow.source_port = source_port;
  flow.destination_port = 2000;
  flow.transport = 6;
  return flow;
}

class Fixture {
 public:
  explicit Fixture(uint32_t max_flows = 100) : flows(FlowRegistry::Create(directory, max_flows)) {
    // What Flow() names when nothing else is said.
    REQUIRE(flows->InternNode("node").ok());
  }
  const FlowRecord& Add(const FlowDescription& flow, int64_t unix_time_ns = 0) {
    const auto id = flows->Add(flow, unix_time_ns);
    REQUIRE(id.ok());
    return flows->Record(*id);
  }

  TwoAddressDirectory directory;
  std::unique_ptr<FlowRegistry> flows;
};

TEST_CASE("Endpoints without flows are forgotten after hours, and only these") {
  Fixture fixture(10);
  const auto table = [&](const std::string& name) {
    for (const TableUse& use : fixture.flows->Tables()) {
      if (use.table == name) {
        return use;
      }
    }
    return TableUse{};
  };
  const auto add = [&](const std::string& source, const std::string& destination) {
    return *fixture.flows->Add(Flow(source, destination), 0);
  };
  const FlowId kept = add("10.0.0.1", "10.0.0.2");
  const FlowId gone = add("10.0.0.1", "10.0.0.3");
  const EndpointId gone_endpoint = fixture.flows->Record(gone).destination;
  CHECK(table("endpoints").used == 3);
  int64_t now_ns = kSecondNs;
  fixture.flows->Remove(gone, now_ns);
  now_ns += kFlowQuarantineNs;
  fixture.flows->ReleaseRemoved(now_ns);
  now_ns += kEndpointQuarantineNs - 1;
  fixture.flows->ReleaseRemoved(now_ns);
  CHECK(table("endpoints").used == 3);
  fixture.flows->ReleaseRemoved(now_ns + 1);
  CHECK(table("endpoints").used == 2);
  CHECK(fixture.flows->EndpointOf(fixture.flows->Record(kept).destination).pod == "pod-2");
  // Its number is free for another.
  const FlowId next = add("10.0.0.1", "10.0.0.4");
  CHECK(fixture.flows->Record(next).destination == gone_endpoint);
  CHECK(fixture.flows->EndpointOf(gone_endpoint).pod == "pod-4");

  // Days of pods that come and go leave nothing behind.
  now_ns += kSecondNs;
  for (int i = 0; i < 200'000; ++i) {
    const FlowId flow =
        add("10.0.0.1", "192." + std::to_string(i % 200) + "." + std::to_string(i / 200 % 250) +
                            "." + std::to_string(i / 50'000));
    fixture.flows->Remove(flow, now_ns);
    now_ns += kFlowQuarantineNs;
    fixture.flows->ReleaseRemoved(now_ns);
  }
  CHECK(table("endpoints").used < 200);
  CHECK(table("endpoints").evictions == 0);
  CHECK(table("flows").used == 2);
  CHECK(table("flows").limit == 20);
}

TEST_CASE("One 5-tuple at several points is one conversation") {
  Fixture fixture;
  const FlowRecord a = fixture.Add(Flow("10.0.0.1", "10.0.0.2", 0));
  const FlowRecord b = fixture.Add(Flow("10.0.0.1", "10.0.0.2", 1));
  const FlowRecord back = fixture.Add(Flow("10.0.0.2", "10.0.0.1", 1));
  const FlowRecord other = fixture.Add(Flow("10.0.0.1", "10.0.0.2", 0, 1001));
  CHECK(a.conversation == b.conversation);
  CHECK(a.conversation != back.conversation);
  CHECK(a.conversation != other.conversation);
  CHECK(a.source == other.source);
  CHECK(a.source == back.destination);
  CHECK(fixture.flows->EndpointOf(a.source).pod == "pod-1");
}

TEST_CASE("RTP streams of one 5-tuple are conversations of their own") {
  Fixture fixture;
  FlowDescription flow = Flow("10.0.0.1", "10.0.0.2");
  flow.transport = 17;
  flow.is_rtp = true;
  flow.rtp_ssrc = 1;
  const FlowRecord first = fixture.Add(flow);
  flow.rtp_ssrc = 2;
  CHECK(fixture.Add(flow).conversation != first.conversation);
}

TEST_CASE("The same pod is the same endpoint whatever its address") {
  Fixture fixture;
  const FlowRecord a = fixture.Add(Flow("10.0.0.1", "192.168.0.1"));
  const FlowRecord b = fixture.Add(Flow("10.0.1.1", "192.168.0.2"));
  CHECK(a.source == b.source);
  CHECK(a.destination != b.destination);
}

TEST_CASE("Addresses that mean something else on every node do not meet") {
  Fixture fixture;
  for (const char* const address : {"127.0.0.1", "::1", "169.254.1.1", "fe80::1"}) {
    CAPTURE(address);
    CHECK(fixture.Add(Flow(address, address, 0)).conversation !=
          fixture.Add(Flow(address, address, 1)).conversation);
  }
}

TEST_CASE("Beyond the limit a flow is refused, and there is room again when one was removed") {
  Fixture fixture(2);
  const FlowId first = *fixture.flows->Add(Flow("10.0.0.1", "10.0.0.2", 0, 1), 0);
  fixture.Add(Flow("10.0.0.1", "10.0.0.2", 0, 2));
  const auto refused = fixture.flows->Add(Flow("10.0.0.1", "10.0.0.2", 0, 3), 0);
  REQUIRE_FALSE(refused.ok());
  CHECK(absl::IsResourceExhausted(refused.status()));
  CHECK(fixture.flows->flow_count() == 2);

  fixture.flows->Remove(first, kSecondNs);
  fixture.flows->Remove(first, kSecondNs);
  fixture.flows->Remove(12345, kSecondNs);
  CHECK(fixture.flows->flow_count() == 1);
  CHECK(fixture.flows->Add(Flow("10.0.0.1", "10.0.0.2", 0, 3), kSecondNs).ok());
}

TEST_CASE("Numbers are used again only after the quarantine") {
  Fixture fixture(1);
  const FlowId first = *fixture.flows->Add(Flow("10.0.0.1", "10.0.0.2", 0, 1), 0);
  const ConversationId conversation = fixture.flows->Record(first).conversation;
  fixture.flows->Remove(first, kSecondNs);
  // Matches that name it are still about.
  CHECK(fixture.flows->Description(first).source_port == 1);
  fixture.flows->ReleaseRemoved(2 * kSecondNs);
  const FlowId second = *fixture.flows->Add(Flow("10.0.0.1", "10.0.0.2", 0, 2), 2 * kSecondNs);
  CHECK(second != first);
  CHECK(fixture.flows->Record(second).conversation != conversation);
  fixture.flows->Remove(second, 3 * kSecondNs);

  const int64_t later_ns = kSecondNs + kFlowQuarantineNs;
  fixture.flows->ReleaseRemoved(later_ns - 1);
  CHECK_FALSE(fixture.flows->Add(Flow("10.0.0.1", "10.0.0.2", 0, 3), later_ns - 1).ok());
  fixture.flows->ReleaseRemoved(later_ns);
  const FlowId third = *fixture.flows->Add(Flow("10.0.0.1", "10.0.0.2", 0, 3), later_ns);
  CHECK(third == first);
  // A conversation's may have been lent (service_join_test.cc): later than a flow's.
  CHECK(fixture.flows->Record(third).conversation != conversation);
  fixture.flows->Remove(third, later_ns);
  const int64_t latest_ns = later_ns + 2 * kFlowQuarantineNs;
  fixture.flows->ReleaseRemoved(latest_ns);
  const FlowId fourth = *fixture.flows->Add(Flow("10.0.0.1", "10.0.0.2", 0, 4), latest_ns);
  CHECK(fixture.flows->Record(fourth).conversation == conversation);
}

TEST_CASE("A node whose flows come and go quickly uses up its own numbers, not the others'") {
  const TwoAddressDirectory directory;
  const auto flows = FlowRegistry::Create(directory, 100, 3);
  const NodeId hasty = *flows->InternNode("hasty");
  const NodeId calm = *flows->InternNode("calm");
  for (uint16_t i = 1; i <= 6; ++i) {
    flows->Remove(*flows->Add(Flow("10.0.0.1", "10.0.0.2", hasty, i), 0), kSecondNs);
  }
  const auto refused = flows->Add(Flow("10.0.0.1", "10.0.0.2", hasty, 7), kSecondNs);
  REQUIRE(absl::IsResourceExhausted(refused.status()));
  CHECK(std::string(refused.status().message()).find("6 flows of node hasty") != std::string::npos);
  CHECK(flows->Tables()[0].evictions == 1);
  CHECK(flows->Add(Flow("10.0.0.1", "10.0.0.2", calm, 1), kSecondNs).ok());
  // Refused, it used up nothing.
  const int64_t later_ns = kSecondNs + kFlowQuarantineNs;
  flows->ReleaseRemoved(later_ns);
  for (uint16_t i = 1; i <= 6; ++i) {
    CHECK(flows->Add(Flow("10.0.0.1", "10.0.0.2", hasty, i), later_ns).ok());
  }
  CHECK_FALSE(flows->Add(Flow("10.0.0.1", "10.0.0.2", hasty, 7), later_ns).ok());
}

TEST_CASE("A conversation lives as long as one of its flows") {
  Fixture fixture;
  const FlowId a = *fixture.flows->Add(Flow("10.0.0.1", "10.0.0.2", 0), 0);
  const FlowId b = *fixture.flows->Add(Flow("10.0.0.1", "10.0.0.2", 1), 0);
  const ConversationId conversation = fixture.flows->Record(b).conversation;
  fixture.flows->Remove(a, 0);
  fixture.flows->ReleaseRemoved(2 * kFlowQuarantineNs);
  const FlowRecord again = fixture.Add(Flow("10.0.0.1", "10.0.0.2", 2), 2 * kFlowQuarantineNs);
  CHECK(again.conversation == conversation);
}

TEST_CASE("Nodes have numbers by name") {
  Fixture fixture;
  const NodeId a = *fixture.flows->InternNode("node-a");
  const NodeId b = *fixture.flows->InternNode("node-b");
  CHECK(a != b);
  CHECK(*fixture.flows->InternNode("node-a") == a);
  CHECK(fixture.flows->NodeName(b) == "node-b");
}

TEST_CASE("Readers need not wait for those who register") {
  Fixture fixture(20'000);
  const FlowId first = *fixture.flows->Add(Flow("10.0.0.1", "10.0.0.2"), 0);
  std::atomic<uint32_t> newest = first;
  std::atomic<bool> is_done = false;
  std::thread reader([&] {
    while (!is_done) {
      const FlowId id = newest.load(std::memory_order_acquire);
      if (fixture.flows->Description(id).source_port == 0 ||
          fixture.flows->EndpointOf(fixture.flows->Record(id).source).pod.empty()) {
        std::abort();
      }
    }
  });
  for (uint16_t port = 1; port < 10'000; ++port) {
    newest.store(*fixture.flows->Add(Flow("10.0.0.3", "10.0.0.4", 0, port), 0),
                 std::memory_order_release);
  }
  is_done = true;
  reader.join();
  CHECK(fixture.flows->flow_count() == 10'000);
}

}  // namespace
}  // namespace audio_latency::correlator
