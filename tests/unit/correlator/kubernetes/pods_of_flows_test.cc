// What flows are called while pods come and go.

#include <catch2/catch.hpp>
#include <memory>
#include <string>

#include "common/time/clock.h"
#include "correlator/flows/flow_registry.h"
#include "correlator/kubernetes/cluster_state.h"
#include "tests/unit/correlator/kubernetes/cluster_objects.h"

namespace audio_latency::correlator {
namespace {

using testing::Decoded;
using testing::PodJson;
using testing::PodText;

constexpr int64_t kSecondNs = 1'000'000'000;
constexpr int64_t kStartNs = 1'795'255'200 * kSecondNs;
// The monotonic clock is so far behind.
constexpr int64_t kBehindNs = 1'000'000 * kSecondNs;

struct Fixture {
  Fixture() {
    FlowDescription description;
    description.node = *flows->InternNode("node-a");
    description.interface_name = "eth0";
    description.source = *IpAddress::Parse("10.0.1.5");
    description.destination = *IpAddress::Parse("10.0.1.6");
    description.transport = 17;
    flow = *flows->Add(description, clock.NowNs());
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
  std::unique_ptr<FlowRegistry> flows = FlowRegistry::Create(state, 100);
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

}  // namespace
}  // namespace audio_latency::correlator
