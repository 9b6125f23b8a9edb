// The names that the product knows follow the API server.

#include "correlator/kubernetes/kubernetes.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <string>
#include <vector>

#include "fmt/format.h"
#include "tests/lab/scratch_folder.h"
#include "tests/unit/correlator/kubernetes/kubernetes_fixture.h"

namespace audio_latency::correlator {
namespace {

using audio_latency::testing::Eventually;
using testing::FakeApiServer;
using testing::KubernetesFixture;
using testing::NodeJson;
using testing::OwnedJson;
using testing::PodJson;
using testing::PodText;
using testing::ServiceJson;

PodText Pod(int number) {
  return {.name = fmt::format("ingress-abc-{}", number),
          .uid = static_cast<uint64_t>(number) + 1,
          .addresses = {fmt::format("10.0.{}.{}", number / 250, number % 250 + 1)},
          .owners = {{.kind = "ReplicaSet", .name = "ingress-abc", .uid = 1'000'000}}};
}

TEST_CASE_METHOD(KubernetesFixture, "What the API server lists is known, in pages") {
  constexpr int kPods = 1234;
  for (int i = 0; i < kPods; ++i) {
    server.Put(Resource::kPods, PodJson(Pod(i)));
  }
  server.Put(Resource::kReplicaSets,
             OwnedJson("ReplicaSet", "ingress-abc", 1'000'000,
                       {{.kind = "Deployment", .name = "ingress", .uid = 7}}));
  server.Put(Resource::kServices, ServiceJson({.name = "s", .uid = 8, .addresses = {"10.96.0.7"}}));
  server.Put(Resource::kNodes, NodeJson("node-a", 9, {"192.168.1.1"}));
  Start();
  REQUIRE(IsSynced());
  for (const int i : {0, 499, 500, kPods - 1}) {
    const Endpoint endpoint = At(Pod(i).addresses[0]);
    CHECK(endpoint.pod == Pod(i).name);
    CHECK(endpoint.workload == "ingress");
  }
  CHECK(At("10.96.0.7").service == "s");
  CHECK(At("192.168.1.1").node == "node-a");
  CHECK(server.Count(Resource::kPods, false) == 3);
  CHECK(IsOnPage(fmt::format("audio_latency_kubernetes_objects{{resource=\"pods\"}} {}", kPods)));
  CHECK(IsOnPage("audio_latency_kubernetes_synced{resource=\"replicasets\"} 1"));
  CHECK(kubernetes->readiness().is_ready);
  CHECK(kubernetes->readiness().text == "kubernetes: synced");
  for (const FakeApiServer::Request& request : server.requests()) {
    if (!request.is_watch) {
      CHECK(request.limit == "500");
    }
    const bool is_metadata = request.accept.find("as=PartialObjectMetadata") != std::string::npos;
    CHECK(is_metadata == FactsOf(request.resource).metadata_only);
  }
}

TEST_CASE_METHOD(KubernetesFixture, "Changes are known at once") {
  Start();
  REQUIRE(IsSynced());
  server.Put(Resource::kPods, PodJson(Pod(1)));
  CHECK(BecomesPod("10.0.0.2", "ingress-abc-1"));
  PodText ended = Pod(1);
  ended.phase = "Succeeded";
  server.Put(Resource::kPods, PodJson(ended));
  CHECK(BecomesPod("10.0.0.2", ""));
  server.Put(Resource::kPods, PodJson(Pod(2)));
  CHECK(BecomesPod("10.0.0.3", "ingress-abc-2"));
  server.Delete(Resource::kPods, PodJson(Pod(2)));
  CHECK(BecomesPod("10.0.0.3", ""));
  server.Put(Resource::kReplicaSets,
             OwnedJson("ReplicaSet", "ingress-abc", 1'000'000,
                       {{.kind = "Deployment", .name = "ingress", .uid = 7}}));
  server.Put(Resource::kPods, PodJson(Pod(3)));
  CHECK(Eventually([&] { return At("10.0.0.4").workload == "ingress"; }));
}

TEST_CASE_METHOD(KubernetesFixture,
                 "A watch that is cut twenty times goes on from the last version, nothing missed") {
  Start();
  REQUIRE(IsSynced());
  for (int i = 0; i < 20; ++i) {
    server.CutWatches();
    server.Put(Resource::kPods, PodJson(Pod(i)));
    if (i > 0) {
      server.Delete(Resource::kPods, PodJson(Pod(i - 1)));
    }
    REQUIRE(BecomesPod(Pod(i).addresses[0], Pod(i).name));
    REQUIRE(
        Eventually([&] { return server.open_watches() == static_cast<int>(kResources.size()); }));
  }
  for (int i = 0; i < 19; ++i) {
    CHECK(BecomesPod(Pod(i).addresses[0], ""));
  }
  CHECK(server.Count(Resource::kPods, false) == 1);
  CHECK(server.Count(Resource::kPods, true) >= 21);
  CHECK_FALSE(logger.Has("kubernetes_unreachable"));
}

TEST_CASE_METHOD(KubernetesFixture, "A watch goes on from the version of the last bookmark") {
  Start();
  REQUIRE(IsSynced());
  server.Bookmark(Resource::kPods);
  const std::string version = server.version();
  // Other kinds have none.
  server.Put(Resource::kServices, ServiceJson({.name = "s", .uid = 8, .addresses = {"10.96.0.7"}}));
  const auto has_watched_from = [&](Resource resource, const std::string& from) {
    const std::vector<FakeApiServer::Request> requests = server.requests();
    return std::any_of(requests.begin(), requests.end(), [&](const FakeApiServer::Request& each) {
      return each.resource == resource && each.is_watch && each.resource_version == from;
    });
  };
  // The bookmark may be on its way yet when the watch is cut.
  CHECK(Eventually([&] {
    server.CutWatches();
    return has_watched_from(Resource::kPods, version);
  }));
  CHECK_FALSE(has_watched_from(Resource::kNodes, version));
}

TEST_CASE_METHOD(KubernetesFixture,
                 "Where the server has forgotten the version all is listed again") {
  server.Put(Resource::kPods, PodJson(Pod(1)));
  Start();
  REQUIRE(IsSynced());
  REQUIRE(BecomesPod("10.0.0.2", "ingress-abc-1"));
  SECTION("as a status when the watch begins") {
    server.ForgetVersions(false);
    server.CutWatches();
  }
  SECTION("as an event when the watch begins") {
    server.ForgetVersions(true);
    server.CutWatches();
  }
  SECTION("as an event in the midst of a watch") { server.ExpireWatches(); }
  CHECK(Eventually([&] { return server.Count(Resource::kPods, false) >= 2; }));
  server.Delete(Resource::kPods, PodJson(Pod(1)));
  server.Put(Resource::kPods, PodJson(Pod(2)));
  CHECK(BecomesPod("10.0.0.3", "ingress-abc-2"));
  CHECK(BecomesPod("10.0.0.2", ""));
  CHECK(IsOnPage("audio_latency_kubernetes_synced{resource=\"pods\"} 1"));
  CHECK_FALSE(logger.Has("kubernetes_unreachable"));
}

TEST_CASE_METHOD(KubernetesFixture, "What went while nobody watched is gone after the next list") {
  for (int i = 0; i < 10; ++i) {
    server.Put(Resource::kPods, PodJson(Pod(i)));
  }
  Start();
  REQUIRE(IsSynced());
  server.Refuse(Resource::kPods, 503);
  server.CutWatches();
  REQUIRE(IsOnPage("audio_latency_kubernetes_synced{resource=\"pods\"} 0"));
  for (int i = 0; i < 9; ++i) {
    server.Delete(Resource::kPods, PodJson(Pod(i)));
  }
  server.ForgetVersions(false);
  // Meanwhile the answers are those that were known.
  CHECK(At("10.0.0.1").pod == "ingress-abc-0");
  server.Refuse(Resource::kPods, 0);
  CHECK(BecomesPod("10.0.0.1", ""));
  CHECK(At("10.0.0.10").pod == "ingress-abc-9");
  CHECK(IsOnPage("audio_latency_kubernetes_objects{resource=\"pods\"} 1"));
  CHECK(logger.Has("kubernetes_reachable"));
}

TEST_CASE_METHOD(KubernetesFixture, "A watch that is let in again is no trouble any more") {
  Start();
  REQUIRE(IsSynced());
  server.Refuse(Resource::kNodes, 503);
  server.CutWatches();
  REQUIRE(IsOnPage("audio_latency_kubernetes_synced{resource=\"nodes\"} 0"));
  server.Refuse(Resource::kNodes, 0);
  // Before anything comes of it.
  CHECK(IsOnPage("audio_latency_kubernetes_synced{resource=\"nodes\"} 1"));
}

TEST_CASE_METHOD(KubernetesFixture, "A token is read again for every question") {
  const lab::ScratchFolder folder;
  ClusterAccess access = server.Access();
  access.token.file = folder.Write("token", "first-token\n");
  server.RequireToken("first-token");
  Start(access);
  REQUIRE(IsSynced());
  folder.Write("token", "second-token");
  server.RequireToken("second-token");
  server.CutWatches();
  server.Put(Resource::kPods, PodJson(Pod(1)));
  CHECK(BecomesPod("10.0.0.2", "ingress-abc-1"));
  CHECK_FALSE(logger.Has("kubernetes_unreachable"));
}

TEST_CASE_METHOD(KubernetesFixture, "Many changes come through while questions are asked") {
  Start();
  REQUIRE(IsSynced());
  constexpr int kChanges = 500;
  for (int i = 0; i < kChanges; ++i) {
    server.Put(Resource::kPods, PodJson(Pod(i)));
    At(Pod(i).addresses[0]);
  }
  CHECK(BecomesPod(Pod(kChanges - 1).addresses[0], Pod(kChanges - 1).name));
  CHECK(
      IsOnPage(fmt::format("audio_latency_kubernetes_objects{{resource=\"pods\"}} {}", kChanges)));
}

}  // namespace
}  // namespace audio_latency::correlator
