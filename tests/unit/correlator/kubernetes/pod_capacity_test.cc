// What 30,000 pods cost, through the real decoding.

#include <catch2/catch.hpp>
#include <chrono>
#include <string>
#include <vector>

#include "common/time/clock.h"
#include "correlator/kubernetes/cluster_state.h"
#include "correlator/kubernetes/json_splitter.h"
#include "correlator/kubernetes/object_decoder.h"
#include "fmt/format.h"
#include "tests/unit/correlator/kubernetes/cluster_objects.h"

namespace audio_latency::correlator {
namespace {

using testing::OwnedJson;
using testing::PodJson;

constexpr int kPods = 30'000;
constexpr int kPodsPerReplicaSet = 20;
constexpr int kOldReplicaSets = 4;
constexpr int kPodsPerNode = 60;
constexpr size_t kMostBytes = 6'000'000;

std::string PodText(int number) {
  const int workload = number / kPodsPerReplicaSet;
  const std::string replica_set =
      fmt::format("voice-agent-{}-{:08x}", workload, workload * 2654435761u);
  const uint64_t owner = 1'000'000 + static_cast<uint64_t>(workload);
  return PodJson({.name = fmt::format("{}-{:05x}", replica_set, number * 40503 % 0xfffff),
                  .uid = static_cast<uint64_t>(number) + 1,
                  .addresses = {fmt::format("10.{}.{}.{}", number >> 16, number >> 8 & 255,
                                            number & 255)},
                  .namespace_name = fmt::format("tenant-{}", workload % 50),
                  .node = fmt::format("ip-10-0-{}.eu-central-1.compute.internal",
                                      number % (kPods / kPodsPerNode)),
                  .owners = {{.kind = "ReplicaSet", .name = replica_set, .uid = owner}},
                  .started = "2026-11-21T10:00:00Z",
                  .created = "2026-11-21T09:59:59Z",
                  .ports = {{.container = 8080}}})
      .dump();
}

void SetOne(ClusterState* state, Resource resource, const std::string& text) {
  const auto object = DecodeObject(text);
  REQUIRE(object.has_value());
  state->Set(resource, {&*object, 1});
}

TEST_CASE("30,000 pods and their ReplicaSets take less than 6 MB") {
  ManualClock clock(1'795'255'260'000'000'000);
  ClusterState state(clock);
  for (int workload = 0; workload < kPods / kPodsPerReplicaSet; ++workload) {
    for (int i = 0; i <= kOldReplicaSets; ++i) {
      const uint64_t uid =
          1'000'000 * (static_cast<uint64_t>(i) + 1) + static_cast<uint64_t>(workload);
      SetOne(&state, Resource::kReplicaSets,
             OwnedJson("ReplicaSet", fmt::format("voice-agent-{}-{}", workload, i), uid,
                       {{.kind = "Deployment",
                         .name = fmt::format("voice-agent-{}", workload),
                         .uid = 9'000'000 + static_cast<uint64_t>(workload)}})
                 .dump());
    }
  }
  // In pages, as they come.
  ListSplitter splitter(1 << 20, [&](std::string_view text) {
    const auto object = DecodeObject(text);
    REQUIRE(object.has_value());
    state.Set(Resource::kPods, {&*object, 1});
    return true;
  });
  state.BeginList(Resource::kPods);
  REQUIRE(splitter.Feed(R"({"metadata":{"resourceVersion":"1"},"items":[)"));
  for (int i = 0; i < kPods; ++i) {
    REQUIRE(splitter.Feed(PodText(i) + (i + 1 < kPods ? "," : "]}")));
  }
  REQUIRE(splitter.complete());
  state.EndList(Resource::kPods);

  const ClusterState::Statistics statistics = state.statistics();
  CHECK(statistics.objects[0] == kPods);
  INFO(statistics.bytes << " bytes, " << statistics.bytes / kPods << " a pod");
  CHECK(statistics.bytes <= kMostBytes);
  // Less would be no account of what is there: an address, a UID and two times are 48.
  CHECK(statistics.bytes >= size_t{kPods} * 48);
  WARN(statistics.bytes << " bytes for 30,000 pods and "
                        << statistics.objects[static_cast<size_t>(Resource::kReplicaSets)]
                        << " ReplicaSets");
  for (const int i : {0, 1234, kPods - 1}) {
    const Endpoint endpoint = state
                                  .Resolve({.address = *IpAddress::Parse(fmt::format(
                                                "10.{}.{}.{}", i >> 16, i >> 8 & 255, i & 255)),
                                            .unix_time_ns = clock.NowNs(),
                                            .container = {},
                                            .observing_node = {}})
                                  .endpoint;
    CHECK(endpoint.workload == fmt::format("voice-agent-{}", i / kPodsPerReplicaSet));
    CHECK(endpoint.workload_kind == "Deployment");
  }
}

}  // namespace
}  // namespace audio_latency::correlator
