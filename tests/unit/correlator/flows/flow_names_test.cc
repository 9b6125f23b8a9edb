// What becomes of flows whose names come late or change.

#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstdlib>
#include <string>
#include <thread>

#include "correlator/flows/flow_registry.h"
#include "correlator/flows/name_keeper.h"
#include "tests/unit/correlator/testing/changing_directory.h"

namespace audio_latency::correlator {
namespace {

constexpr int64_t kSecondNs = 1'000'000'000;
constexpr int64_t kMonotonicNs = 5'000 * kSecondNs;
// Unix time is so far ahead.
constexpr int64_t kAheadNs = 1'700'000'000 * kSecondNs;
constexpr int64_t kUnixNs = kMonotonicNs + kAheadNs;

FlowDescription Flow(const std::string& source, const std::string& destination,
                     InterfaceRole role = InterfaceRole::kUplink,
                     Direction direction = Direction::kIngress) {
  FlowDescription flow;
  flow.interface_name = "eth0";
  flow.interface_role = role;
  flow.direction = direction;
  flow.source = *IpAddress::Parse(source);
  flow.destination = *IpAddress::Parse(destination);
  flow.source_port = 1000;
  flow.destination_port = 2000;
  flow.transport = 17;
  return flow;
}

struct Fixture {
  Fixture() { REQUIRE(flows->InternNode("node-a").ok()); }

  std::string SourceAt(FlowId flow, int64_t time_ns) const {
    return flows->EndpointOf(flows->RecordAt(flow, time_ns).source).PathName();
  }
  std::string SourceNow(FlowId flow) const {
    return flows->EndpointOf(flows->Record(flow).source).PathName();
  }
  FlowId Add(const FlowDescription& flow) const { return *flows->Add(flow, kUnixNs); }
  // Some time after the flows began.
  void Refresh(int64_t after_ns) const {
    flows->Refresh(kUnixNs + after_ns, kMonotonicNs + after_ns);
  }

  testing::ChangingDirectory directory;
  std::unique_ptr<FlowRegistry> flows = FlowRegistry::Create(directory, 100);
};

TEST_CASE("A name that comes late holds for the whole of the conversation, which stays the same") {
  Fixture fixture;
  const FlowId one = fixture.Add(Flow("10.0.0.1", "10.0.0.2"));
  const FlowId other =
      fixture.Add(Flow("10.0.0.1", "10.0.0.2", InterfaceRole::kContainer, Direction::kIngress));
  const FlowRecord before = fixture.flows->Record(one);
  CHECK(fixture.SourceNow(one) == "10.0.0.1");

  fixture.directory.GivePod("10.0.0.1", "ingress-1", "ingress", kUnixNs - 3 * kSecondNs);
  CHECK(fixture.SourceNow(one) == "10.0.0.1");
  fixture.Refresh(kSecondNs);
  for (const FlowId flow : {one, other}) {
    CHECK(fixture.SourceNow(flow) == "ingress");
    CHECK(fixture.SourceAt(flow, kMonotonicNs) == "ingress");
    CHECK(fixture.flows->Record(flow).conversation == before.conversation);
    CHECK(fixture.flows->Record(flow).destination == before.destination);
    CHECK(fixture.flows->Record(flow).source != before.source);
  }
  // Before the pod was there the address was nobody's.
  CHECK(fixture.SourceAt(one, kMonotonicNs - 4 * kSecondNs) == "10.0.0.1");
  CHECK(fixture.flows->Record(other).interface_role == InterfaceRole::kContainer);
  CHECK(fixture.flows->Names().renamed == 1);
}

TEST_CASE("A workload that comes later than its pod renames it") {
  Fixture fixture;
  fixture.directory.GivePod("10.0.0.1", "ingress-1", "");
  const FlowId flow = fixture.Add(Flow("10.0.0.1", "10.0.0.2"));
  CHECK(fixture.SourceNow(flow) == "ingress-1");
  const ConversationId conversation = fixture.flows->Record(flow).conversation;
  fixture.directory.GivePod("10.0.0.1", "ingress-1", "ingress");
  fixture.Refresh(kSecondNs);
  CHECK(fixture.SourceNow(flow) == "ingress");
  CHECK(fixture.flows->Record(flow).conversation == conversation);
}

TEST_CASE("An address that another pod got is told apart by the event's time") {
  Fixture fixture;
  fixture.directory.GivePod("10.0.0.1", "old-1", "", kUnixNs - 1000 * kSecondNs);
  const FlowId flow = fixture.Add(Flow("10.0.0.1", "10.0.0.2"));
  const ConversationId old = fixture.flows->Record(flow).conversation;

  fixture.directory.Take("10.0.0.1", kUnixNs + 10 * kSecondNs);
  fixture.directory.GivePod("10.0.0.1", "new-1", "", kUnixNs + 12 * kSecondNs);
  fixture.Refresh(13 * kSecondNs);
  const auto source_at = [&](int64_t after_ns) {
    return fixture.SourceAt(flow, kMonotonicNs + after_ns);
  };
  CHECK(source_at(0) == "old-1");
  CHECK(source_at(10 * kSecondNs - 1) == "old-1");
  CHECK(source_at(10 * kSecondNs) == "10.0.0.1");
  CHECK(source_at(12 * kSecondNs - 1) == "10.0.0.1");
  CHECK(source_at(12 * kSecondNs) == "new-1");
  CHECK(fixture.SourceNow(flow) == "new-1");
  CHECK(fixture.flows->RecordAt(flow, kMonotonicNs).conversation == old);
  CHECK(fixture.flows->Record(flow).conversation != old);

  // Long after, what was before is not asked for any more.
  fixture.directory.GivePod("10.9.9.9", "somebody", "");
  const ConversationId current = fixture.flows->Record(flow).conversation;
  fixture.Refresh(100 * kSecondNs);
  CHECK(source_at(0) == "new-1");
  CHECK(fixture.flows->Record(flow).conversation == current);
}

TEST_CASE("Events that come late, of a flow first heard of now, go to who was there then") {
  Fixture fixture;
  fixture.directory.GivePod("10.0.0.1", "old-1", "");
  fixture.directory.GivePod("10.0.0.1", "new-1", "", kUnixNs - 2 * kSecondNs);
  fixture.Refresh(-kSecondNs);
  const FlowId flow = fixture.Add(Flow("10.0.0.1", "10.0.0.2"));
  CHECK(fixture.SourceNow(flow) == "new-1");
  // The directory has not changed since: it is for the flow's sake.
  fixture.Refresh(kSecondNs / 10);
  CHECK(fixture.SourceAt(flow, kMonotonicNs - kSecondNs) == "new-1");
  CHECK(fixture.SourceAt(flow, kMonotonicNs - 3 * kSecondNs) == "old-1");
}

TEST_CASE("A flow that begins again, on the same addresses, is the new pod's") {
  Fixture fixture;
  fixture.directory.GivePod("10.0.0.1", "old-1", "");
  const FlowId first = fixture.Add(Flow("10.0.0.1", "10.0.0.2"));
  fixture.flows->Remove(first, kMonotonicNs + kSecondNs);
  fixture.directory.GivePod("10.0.0.1", "new-1", "", kUnixNs + 2 * kSecondNs);
  const FlowId second = *fixture.flows->Add(Flow("10.0.0.1", "10.0.0.2"), kUnixNs + 3 * kSecondNs);
  fixture.Refresh(3 * kSecondNs);
  CHECK(fixture.SourceNow(second) == "new-1");
  CHECK(fixture.SourceAt(first, kMonotonicNs) == "old-1");
}

TEST_CASE("What the probe knows of the container is asked with, when it comes") {
  Fixture fixture;
  const FlowId inside =
      fixture.Add(Flow("10.0.0.1", "10.0.0.2", InterfaceRole::kContainer, Direction::kIngress));
  const FlowId outside = fixture.Add(Flow("10.0.0.1", "10.0.0.2"));
  CHECK(fixture.SourceNow(inside) == "10.0.0.1");
  fixture.flows->TellContainer(inside,
                               {.pod_uid = "u", .namespace_name = "voice", .pod = "ingress-1"});
  fixture.Refresh(kSecondNs);
  CHECK(fixture.SourceNow(inside) == "ingress-1");
  // It is the conversation's, wherever it is seen.
  CHECK(fixture.SourceNow(outside) == "ingress-1");
  CHECK(fixture.flows->EndpointOf(fixture.flows->Record(inside).destination).PathName() ==
        "10.0.0.2");
}

TEST_CASE("A pod that is deleted and has no flows any more is gone") {
  Fixture fixture;
  fixture.directory.GivePod("10.0.0.1", "deleted-1", "");
  fixture.directory.GivePod("10.0.0.2", "idle-1", "");
  const FlowId flow = fixture.Add(Flow("10.0.0.1", "10.0.0.2"));
  const FlowRecord record = fixture.flows->Record(flow);
  fixture.directory.Take("10.0.0.1", kUnixNs + kSecondNs);
  fixture.Refresh(2 * kSecondNs);
  fixture.flows->Remove(flow, kMonotonicNs + 2 * kSecondNs);
  fixture.Refresh(2 * kSecondNs + kFlowQuarantineNs);
  fixture.Refresh(2 * kSecondNs + 2 * kFlowQuarantineNs);
  CHECK(fixture.flows->IsGone(record.source));
  CHECK_FALSE(fixture.flows->IsGone(record.destination));
}

TEST_CASE("Readers never wait for names that change, and always see whole ones") {
  Fixture fixture;
  fixture.directory.GivePod("10.0.0.1", "pod-0", "");
  const FlowId flow = fixture.Add(Flow("10.0.0.1", "10.0.0.2"));
  std::atomic<bool> is_done = false;
  std::thread reader([&] {
    while (!is_done) {
      const FlowRecord& now = fixture.flows->Record(flow);
      const FlowRecord& then = fixture.flows->RecordAt(flow, kMonotonicNs);
      if (fixture.flows->EndpointOf(now.source).pod.substr(0, 4) != "pod-" ||
          fixture.flows->EndpointOf(then.source).pod != "pod-0" ||
          now.destination != then.destination) {
        std::abort();
      }
    }
  });
  // So many within a minute are told apart.
  for (int i = 1; i < 7; ++i) {
    const int64_t after_ns = i * kSecondNs / 100;
    fixture.directory.GivePod("10.0.0.1", "pod-" + std::to_string(i), "", kUnixNs + after_ns);
    fixture.Refresh(after_ns);
  }
  is_done = true;
  reader.join();
  CHECK(fixture.flows->Names().renamed == 6);
}

TEST_CASE("The keeper asks again by itself") {
  const RealtimeClock realtime;
  const MonotonicClock monotonic;
  Fixture fixture;
  const FlowId flow = *fixture.flows->Add(Flow("10.0.0.1", "10.0.0.2"), realtime.NowNs());
  const auto keeper = NameKeeper::Start(fixture.flows.get(), realtime, monotonic);
  fixture.directory.GivePod("10.0.0.1", "ingress-1", "ingress");
  for (int i = 0; i < 1000 && fixture.SourceNow(flow) != "ingress"; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  CHECK(fixture.SourceNow(flow) == "ingress");
}

}  // namespace
}  // namespace audio_latency::correlator
