// What flows are called while pods come and go.

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "common/time/clock.h"
#include "correlator/endpoints/layered_directory.h"
#include "correlator/flows/flow_registry.h"
#include "correlator/kubernetes/cluster_state.h"
#include "tests/unit/correlator/kubernetes/cluster_objects.h"

namespace audio_latency::correlator {
namespace {

using testing::Decoded;
using testing::PodJson;
using testing::PodText;
using testing::UidText;

constexpr int64_t kSecondNs = 1'000'000'000;
constexpr int64_t kStartNs = 1'795'255'200 * kSecondNs;
// The monotonic clock is so far behind.
constexpr int64_t kBehindNs = 1'000'000 * kSecondNs;

struct Fixture {
  Fixture() { flow = Add("10.0.1.5", "10.0.1.6"); }

  // What comes into the node out of a container, of which its probe tells `container`.
  FlowId Add(const std::string& source, const std::string& destination,
             const ContainerHint& container = {}) const {
    FlowDescription description;
    description.node = *flows->InternNode("node-a");
    description.interface_name = "veth0";
    description.interface_role = InterfaceRole::kContainer;
    description.direction = Direction::kIngress;
    description.source = *IpAddress::Parse(source);
    description.destination = *IpAddress::Parse(destination);
    description.transport = 17;
    description.container = container;
    return *flows->Add(description, clock.NowNs());
  }
  // The end of the flow, and until its endpoints are asked for without it.
  void End(FlowId ended) {
    flows->Remove(ended, clock.NowNs() - kBehindNs);
    for (int i = 0; i < 2; ++i) {
      clock.Advance(kFlowQuarantineNs);
      Refresh();
    }
  }

  void SetPod(const PodText& pod) {
    const ApiObject decoded = Decoded(PodJson(pod));
    state.Set(Resource::kPods, {&decoded, 1});
  }
  void RemovePod(const PodText& pod) { state.Remove(Resource::kPods, Decoded(PodJson(pod))); }
  void Refresh() { flows->Refresh(clock.NowNs(), clock.NowNs() - kBehindNs); }
  std::string SourceAt(int64_t unix_time_ns) const {
    return flows->EndpointOf(flows->RecordAt(flow, unix_time_ns - kBehindNs).source).PathName();
  }

  ManualClock clock{kStartNs};
  ClusterState state{clock};
  // As main layers them where there is no file.
  std::unique_ptr<EndpointDirectory> directory = MakeLayeredDirectory(MakeEmptyDirectory(), state);
  std::unique_ptr<FlowRegistry> flows = FlowRegistry::Create(*directory, 100);
  FlowId flow = 0;
};

TEST_CASE("An event is the pod's that had the address at its time, after the pod is gone, too") {
  Fixture fixture;
  const PodText before{.name = "ingress-aaaaa", .uid = 1, .addresses = {"10.0.1.5"}};
  const PodText after{.name = "other-bbbbb", .uid = 2, .addresses = {"10.0.1.5"}};
  // The API server is reached only when the flow has begun.
  fixture.SetPod(before);
  fixture.clock.Advance(kSecondNs / 10);
  fixture.Refresh();
  CHECK(fixture.SourceAt(kStartNs) == "ingress-aaaaa");

  fixture.clock.Advance(10 * kSecondNs);
  const int64_t end_ns = fixture.clock.NowNs();
  fixture.RemovePod(before);
  fixture.Refresh();
  CHECK(fixture.SourceAt(end_ns - 1) == "ingress-aaaaa");
  CHECK(fixture.SourceAt(end_ns) == "10.0.1.5");

  fixture.clock.Advance(3 * kSecondNs / 2);
  fixture.SetPod(after);
  fixture.clock.Advance(kSecondNs / 10);
  fixture.Refresh();
  CHECK(fixture.SourceAt(end_ns - 1) == "ingress-aaaaa");
  CHECK(fixture.SourceAt(fixture.clock.NowNs()) == "other-bbbbb");
  CHECK(fixture.SourceAt(fixture.clock.NowNs() + 100 * kSecondNs) == "other-bbbbb");
}

TEST_CASE("Of a pod that Kubernetes knows it tells more than the probe's hint") {
  Fixture fixture;
  fixture.SetPod({.name = "ingress-0",
                  .uid = 1,
                  .addresses = {"10.0.2.1"},
                  .owners = {{.kind = "StatefulSet", .name = "ingress", .uid = 11}}});
  const ContainerHint hint{.pod_uid = UidText(1), .namespace_name = "voice", .pod = "ingress-0"};
  // Its own address, and one that only the hint can tell.
  for (const std::string address : {"10.0.2.1", "172.16.0.9"}) {
    const FlowId flow = fixture.Add(address, "10.0.2.2", hint);
    const Endpoint& source = fixture.flows->EndpointOf(fixture.flows->Record(flow).source);
    CHECK(source.pod == "ingress-0");
    CHECK(source.workload_kind == "StatefulSet");
    CHECK(source.workload == "ingress");
    CHECK(source.node == "node-a");
  }
  // A pod that it does not know yet is called as the hint says.
  const FlowId flow = fixture.Add(
      "10.0.2.3", "10.0.2.2", {.pod_uid = UidText(2), .namespace_name = "voice", .pod = "new-0"});
  CHECK(fixture.flows->EndpointOf(fixture.flows->Record(flow).source).pod == "new-0");
}

TEST_CASE("Without flows a pod that lives is there, and one that was deleted is gone") {
  Fixture fixture;
  struct Case {
    PodText pod;
    bool is_deleted = false;
  };
  const auto pod = [](const std::string& name, uint64_t uid, const std::string& address) {
    return PodText{.name = name,
                   .uid = uid,
                   .addresses = {address},
                   .owners = {{.kind = "StatefulSet", .name = "w", .uid = 11}}};
  };
  const auto host_pod = [&](const std::string& name, uint64_t uid) {
    PodText text = pod(name, uid, "192.168.1.1");
    text.host_network = true;
    return text;
  };
  const std::vector<Case> cases = {{.pod = pod("idle-0", 1, "10.0.2.1")},
                                   {.pod = pod("deleted-0", 2, "10.0.2.2"), .is_deleted = true},
                                   {.pod = host_pod("host-0", 3)},
                                   {.pod = host_pod("deleted-host-0", 4), .is_deleted = true}};
  const bool is_named_by_probe = GENERATE(true, false);
  uint8_t last = 0;
  for (const Case& each : cases) {
    CAPTURE(each.pod.name, is_named_by_probe);
    fixture.SetPod(each.pod);
    ContainerHint hint{.pod_uid = UidText(each.pod.uid), .namespace_name = "", .pod = ""};
    if (is_named_by_probe) {
      hint.namespace_name = "voice";
      hint.pod = each.pod.name;
    }
    const FlowId flow =
        fixture.Add(each.pod.addresses[0], "10.0.3." + std::to_string(++last), hint);
    fixture.Refresh();
    const EndpointId source = fixture.flows->Record(flow).source;
    REQUIRE(fixture.flows->EndpointOf(source).pod == each.pod.name);
    REQUIRE(fixture.flows->EndpointOf(source).workload == "w");
    const int64_t spoke_ns = fixture.clock.NowNs();
    fixture.clock.Advance(kSecondNs);
    if (each.is_deleted) {
      fixture.RemovePod(each.pod);
    }
    fixture.clock.Advance(kSecondNs);
    fixture.Refresh();
    // What it said is its workload's, whatever became of it.
    CHECK(fixture.flows->RecordAt(flow, spoke_ns - kBehindNs).source == source);
    fixture.End(flow);
    CHECK(fixture.flows->IsGone(source) == each.is_deleted);
  }
}

TEST_CASE("A pod that only the probe's hint named is gone with its flows") {
  Fixture fixture;
  const FlowId flow = fixture.Add(
      "10.0.2.3", "10.0.2.2", {.pod_uid = UidText(2), .namespace_name = "voice", .pod = "new-0"});
  const EndpointId source = fixture.flows->Record(flow).source;
  REQUIRE(fixture.flows->EndpointOf(source).pod == "new-0");
  fixture.End(flow);
  CHECK(fixture.flows->IsGone(source));
}

}  // namespace
}  // namespace audio_latency::correlator
