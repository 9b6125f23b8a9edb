#include "correlator/kubernetes/cluster_state.h"

#include <netinet/in.h>

#include <catch2/catch.hpp>
#include <string>

#include "common/time/clock.h"
#include "fmt/format.h"
#include "tests/unit/correlator/kubernetes/cluster_objects.h"

namespace audio_latency::correlator {
namespace {

using testing::Decoded;
using testing::NodeJson;
using testing::OwnedJson;
using testing::PodJson;
using testing::PodText;
using testing::ServiceJson;
using testing::UidText;

constexpr int64_t kSecondNs = 1'000'000'000;
// 2026-11-21T10:00:00Z
constexpr int64_t kTenNs = 1'795'255'200 * kSecondNs;

std::string TimeText(int64_t unix_time_ns) { return FormatUnixSeconds(unix_time_ns / kSecondNs); }

// A cluster whose clock stands at ten o'clock until it is told to move.
class Cluster {
 public:
  explicit Cluster(const PodTable::Limits& limits = {}) : state(clock, limits) {}

  void Set(Resource resource, const nlohmann::json& object) {
    const ApiObject decoded = Decoded(object);
    state.Set(resource, {&decoded, 1});
  }
  void SetPod(const PodText& pod) { Set(Resource::kPods, PodJson(pod)); }
  void RemovePod(const PodText& pod) { state.Remove(Resource::kPods, Decoded(PodJson(pod))); }

  Endpoint At(const std::string& address, int64_t unix_time_ns, uint16_t port = 0,
              uint8_t transport = IPPROTO_TCP, const ContainerHint& hint = {}) const {
    return Resolved(address, unix_time_ns, port, transport, hint).endpoint;
  }
  Endpoint At(const std::string& address) const { return At(address, clock.NowNs()); }
  Resolution Resolved(const std::string& address, int64_t unix_time_ns, uint16_t port = 0,
                      uint8_t transport = IPPROTO_TCP, const ContainerHint& hint = {}) const {
    return state.Resolve({.address = *IpAddress::Parse(address),
                          .port = port,
                          .transport = transport,
                          .unix_time_ns = unix_time_ns,
                          .container = hint,
                          .observing_node = {}});
  }

  ManualClock clock{kTenNs};
  ClusterState state;
};

TEST_CASE("A pod is known by its address, an unknown address as itself") {
  Cluster cluster;
  cluster.SetPod(
      {.name = "ingress-7d9f8b6c5d-x2x7q", .uid = 1, .addresses = {"10.0.1.5", "fd00::5"}});
  for (const char* const address : {"10.0.1.5", "fd00::5"}) {
    const Endpoint endpoint = cluster.At(address);
    CHECK(endpoint.pod == "ingress-7d9f8b6c5d-x2x7q");
    CHECK(endpoint.namespace_name == "voice");
    CHECK(endpoint.node == "node-a");
    CHECK(endpoint.pod_uid == UidText(1));
    CHECK(endpoint.address.ToString() == address);
    CHECK(endpoint.workload.empty());
  }
  Endpoint unknown;
  unknown.address = *IpAddress::Parse("10.0.1.6");
  CHECK(cluster.At("10.0.1.6") == unknown);
}

TEST_CASE("Names of every shape come back whole") {
  Cluster cluster;
  int number = 0;
  for (const std::string name :
       {"a", "egress-3", "-", "a-", "bare", "averyveryverylongnamewithoutanydash",
        "x-averyveryverylongsuffixwithoutanydash", "ingress-7d9f8b6c5d-x2x7q"}) {
    const std::string address = fmt::format("10.0.2.{}", ++number);
    cluster.SetPod({.name = name, .uid = static_cast<uint64_t>(number), .addresses = {address}});
    CHECK(cluster.At(address).pod == name);
  }
}

TEST_CASE("The workload is the owner's owner, whatever comes first") {
  Cluster cluster;
  const PodText pod{.name = "ingress-7d9f8b6c5d-x2x7q",
                    .uid = 1,
                    .addresses = {"10.0.1.5"},
                    .owners = {{.kind = "ReplicaSet", .name = "ingress-7d9f8b6c5d", .uid = 2}}};
  const auto replica_set = OwnedJson("ReplicaSet", "ingress-7d9f8b6c5d", 2,
                                     {{.kind = "Deployment", .name = "ingress", .uid = 3}});
  SECTION("the pod") {
    cluster.SetPod(pod);
    CHECK(cluster.At("10.0.1.5").workload == "ingress-7d9f8b6c5d");
    CHECK(cluster.At("10.0.1.5").workload_kind == "ReplicaSet");
    const uint64_t before = cluster.state.Version();
    cluster.Set(Resource::kReplicaSets, replica_set);
    CHECK(cluster.state.Version() != before);
  }
  SECTION("the ReplicaSet") {
    cluster.Set(Resource::kReplicaSets, replica_set);
    cluster.SetPod(pod);
  }
  CHECK(cluster.At("10.0.1.5").workload == "ingress");
  CHECK(cluster.At("10.0.1.5").workload_kind == "Deployment");
  // The ReplicaSets of a Deployment that is deleted go before the pods do.
  cluster.state.Remove(Resource::kReplicaSets, Decoded(replica_set));
  CHECK(cluster.At("10.0.1.5").workload == "ingress");
  CHECK(cluster.state.statistics().objects[static_cast<size_t>(Resource::kReplicaSets)] == 0);
}

TEST_CASE("Owners of every kind: StatefulSet, DaemonSet, CronJob, a controller of one's own") {
  Cluster cluster;
  cluster.SetPod({.name = "egress-3",
                  .uid = 1,
                  .addresses = {"10.0.0.1"},
                  .owners = {{.kind = "StatefulSet", .name = "egress", .uid = 11}}});
  cluster.SetPod({.name = "agent-abcde",
                  .uid = 2,
                  .addresses = {"10.0.0.2"},
                  .owners = {{.kind = "DaemonSet", .name = "agent", .uid = 12}}});
  cluster.SetPod({.name = "report-28000-abcde",
                  .uid = 3,
                  .addresses = {"10.0.0.3"},
                  .owners = {{.kind = "Job", .name = "report-28000", .uid = 13}}});
  cluster.Set(Resource::kJobs, OwnedJson("Job", "report-28000", 13,
                                         {{.kind = "CronJob", .name = "report", .uid = 14}}));
  cluster.SetPod({.name = "job-abcde",
                  .uid = 4,
                  .addresses = {"10.0.0.4"},
                  .owners = {{.kind = "Job", .name = "job", .uid = 15}}});
  cluster.Set(Resource::kJobs, OwnedJson("Job", "job", 15, {}));
  cluster.SetPod({.name = "kube-proxy-node-a",
                  .uid = 5,
                  .addresses = {"10.0.0.5"},
                  .owners = {{.kind = "Node", .name = "node-a", .uid = 16}}});
  const auto workload = [&](const std::string& address) {
    const Endpoint endpoint = cluster.At(address);
    return endpoint.workload_kind + "/" + endpoint.workload;
  };
  CHECK(workload("10.0.0.1") == "StatefulSet/egress");
  CHECK(workload("10.0.0.2") == "DaemonSet/agent");
  CHECK(workload("10.0.0.3") == "CronJob/report");
  CHECK(workload("10.0.0.4") == "Job/job");
  CHECK(workload("10.0.0.5") == "/");
}

TEST_CASE("Owners that own each other end somewhere") {
  Cluster cluster;
  cluster.Set(Resource::kReplicaSets,
              OwnedJson("ReplicaSet", "a", 1, {{.kind = "ReplicaSet", .name = "b", .uid = 2}}));
  cluster.Set(Resource::kReplicaSets,
              OwnedJson("ReplicaSet", "b", 2, {{.kind = "ReplicaSet", .name = "a", .uid = 1}}));
  cluster.SetPod({.name = "p",
                  .uid = 3,
                  .addresses = {"10.0.0.1"},
                  .owners = {{.kind = "ReplicaSet", .name = "a", .uid = 1}}});
  CHECK(cluster.At("10.0.0.1").pod == "p");
}

TEST_CASE("An address that another pod gets within two seconds is each one's at its time") {
  Cluster cluster;
  const PodText before{.name = "ingress-aaaaa", .uid = 1, .addresses = {"10.0.1.5"}};
  PodText after{.name = "other-bbbbb", .uid = 2, .addresses = {"10.0.1.5"}};
  cluster.SetPod(before);
  cluster.clock.Advance(60 * kSecondNs);
  const int64_t end_ns = cluster.clock.NowNs();
  SECTION("with the time of its start, which is in whole seconds and too early") {
    after.started = TimeText(end_ns);
  }
  SECTION("with a start long before it had an address") {
    after.started = TimeText(end_ns - 30 * kSecondNs);
  }
  SECTION("without one, created long before") {
    after.created = TimeText(end_ns - 3600 * kSecondNs);
  }
  cluster.RemovePod(before);
  cluster.clock.Advance(2 * kSecondNs);
  cluster.SetPod(after);
  CHECK(cluster.At("10.0.1.5", end_ns - 1).pod == "ingress-aaaaa");
  CHECK(cluster.At("10.0.1.5", end_ns - 50 * kSecondNs).pod == "ingress-aaaaa");
  CHECK(cluster.At("10.0.1.5", end_ns).pod == "other-bbbbb");
  CHECK(cluster.At("10.0.1.5", end_ns + 3 * kSecondNs).pod == "other-bbbbb");
  // Whoever asks can tell the two apart.
  const Resolution now = cluster.Resolved("10.0.1.5", cluster.clock.NowNs());
  CHECK(now.since_unix_ns >= end_ns);
  CHECK(now.since_unix_ns <= cluster.clock.NowNs());
  CHECK(cluster.Resolved("10.0.1.5", end_ns - 1).since_unix_ns == Resolution::kAlways);
}

TEST_CASE("A pod that has the address of one whose end is not seen yet takes it over") {
  Cluster cluster;
  const PodText before{.name = "a-aaaaa", .uid = 1, .addresses = {"10.0.1.5"}};
  cluster.SetPod(before);
  cluster.clock.Advance(100 * kSecondNs);
  const int64_t begin_ns = cluster.clock.NowNs() - 2 * kSecondNs;
  cluster.SetPod(
      {.name = "b-bbbbb", .uid = 2, .addresses = {"10.0.1.5"}, .started = TimeText(begin_ns)});
  CHECK(cluster.At("10.0.1.5", begin_ns - 1).pod == "a-aaaaa");
  CHECK(cluster.At("10.0.1.5", begin_ns).pod == "b-bbbbb");
  // The end comes late and changes nothing, nor does a late change of the one that lost it.
  cluster.SetPod(before);
  CHECK(cluster.At("10.0.1.5").pod == "b-bbbbb");
  cluster.clock.Advance(kSecondNs);
  cluster.RemovePod(before);
  CHECK(cluster.At("10.0.1.5").pod == "b-bbbbb");
  CHECK(cluster.At("10.0.1.5", begin_ns - 1).pod == "a-aaaaa");
}

TEST_CASE("A pod has ended with its last container, or when it is deleted") {
  Cluster cluster;
  PodText pod{.name = "job-aaaaa", .uid = 1, .addresses = {"10.0.1.5"}};
  cluster.SetPod(pod);
  cluster.clock.Advance(kSecondNs);
  const int64_t end_ns = cluster.clock.NowNs();
  SECTION("succeeded") {
    pod.phase = "Succeeded";
    cluster.SetPod(pod);
  }
  SECTION("failed") {
    pod.phase = "Failed";
    cluster.SetPod(pod);
  }
  SECTION("deleted") { cluster.RemovePod(pod); }
  CHECK(cluster.At("10.0.1.5", end_ns - 1).pod == "job-aaaaa");
  CHECK(cluster.At("10.0.1.5", end_ns).pod.empty());
  CHECK(cluster.state.statistics().objects[0] == 0);
}

TEST_CASE("A pod that has ended before it was seen, or has no address yet, is not kept") {
  Cluster cluster;
  const uint64_t version = cluster.state.Version();
  cluster.SetPod({.name = "a", .uid = 1, .addresses = {"10.0.1.5"}, .phase = "Succeeded"});
  cluster.SetPod({.name = "b", .uid = 2, .phase = "Pending"});
  CHECK(cluster.state.Version() == version);
  CHECK(cluster.At("10.0.1.5").pod.empty());
  CHECK(cluster.state.statistics().tables[0].used == 0);
}

TEST_CASE("A node's clock that is ahead of ours does not hide a pod") {
  Cluster cluster;
  cluster.SetPod({.name = "a-aaaaa",
                  .uid = 1,
                  .addresses = {"10.0.1.5"},
                  .started = TimeText(kTenNs + 3600 * kSecondNs)});
  CHECK(cluster.At("10.0.1.5").pod == "a-aaaaa");
  // It spoke before we heard of it.
  CHECK(cluster.At("10.0.1.5", kTenNs - 5 * kSecondNs).pod == "a-aaaaa");
  CHECK(cluster.At("10.0.1.5", kTenNs - 3600 * kSecondNs).pod.empty());
}

TEST_CASE("A pod that changes its address leaves the old one") {
  Cluster cluster;
  PodText pod{.name = "a-aaaaa",
              .uid = 1,
              .addresses = {"10.0.1.5"},
              .started = TimeText(kTenNs - 3600 * kSecondNs)};
  cluster.SetPod(pod);
  cluster.clock.Advance(10 * kSecondNs);
  pod.addresses = {"10.0.1.6"};
  cluster.SetPod(pod);
  CHECK(cluster.At("10.0.1.5").pod.empty());
  CHECK(cluster.At("10.0.1.5", kTenNs).pod == "a-aaaaa");
  CHECK(cluster.At("10.0.1.6").pod == "a-aaaaa");
  // It did not have the new one when it started.
  CHECK(cluster.At("10.0.1.6", kTenNs - 3000 * kSecondNs).pod.empty());
}

TEST_CASE("Two pods with one node's network are told apart by port, else it is the node") {
  Cluster cluster;
  cluster.Set(Resource::kNodes, NodeJson("node-a", 100, {"192.168.1.1"}));
  cluster.SetPod({.name = "sip-aaaaa",
                  .uid = 1,
                  .addresses = {"192.168.1.1"},
                  .host_network = true,
                  .ports = {{.container = 5060, .protocol = "UDP"}, {.container = 8080}}});
  cluster.SetPod({.name = "media-bbbbb",
                  .uid = 2,
                  .addresses = {"192.168.1.1"},
                  .host_network = true,
                  .ports = {{.container = 7000, .protocol = "UDP"}, {.container = 9000}}});
  const int64_t now_ns = cluster.clock.NowNs();
  CHECK(cluster.At("192.168.1.1", now_ns, 5060, IPPROTO_UDP).pod == "sip-aaaaa");
  CHECK(cluster.At("192.168.1.1", now_ns, 9000, IPPROTO_TCP).pod == "media-bbbbb");
  const Endpoint other = cluster.At("192.168.1.1", now_ns, 5060, IPPROTO_TCP);
  CHECK(other.pod.empty());
  CHECK(other.node == "node-a");
  CHECK(other.ambiguous);
  // Two that declare one port are not guessed between.
  cluster.SetPod({.name = "copy-ccccc",
                  .uid = 3,
                  .addresses = {"192.168.1.1"},
                  .host_network = true,
                  .ports = {{.container = 9000}}});
  CHECK(cluster.At("192.168.1.1", now_ns, 9000, IPPROTO_TCP).ambiguous);
}

TEST_CASE("A node's address is known by the pods that share it, too") {
  Cluster cluster;
  cluster.SetPod({.name = "a-aaaaa", .uid = 1, .addresses = {"192.168.1.1"}, .host_network = true});
  CHECK(cluster.At("192.168.1.1").node == "node-a");
  CHECK(cluster.At("192.168.1.1").ambiguous);
}

TEST_CASE("A port of the node that leads to a pod is that pod") {
  Cluster cluster;
  cluster.Set(Resource::kNodes, NodeJson("node-a", 100, {"192.168.1.1"}));
  cluster.SetPod({.name = "sip-aaaaa",
                  .uid = 1,
                  .addresses = {"10.0.1.5"},
                  .ports = {{.container = 5060, .host = 15060, .protocol = "UDP"}}});
  const int64_t now_ns = cluster.clock.NowNs();
  CHECK(cluster.At("192.168.1.1", now_ns, 15060, IPPROTO_UDP).pod == "sip-aaaaa");
  CHECK(cluster.At("10.0.1.5", now_ns, 5060, IPPROTO_UDP).pod == "sip-aaaaa");
  CHECK(cluster.At("192.168.1.1", now_ns, 5060, IPPROTO_UDP).ambiguous);
}

TEST_CASE("A service is known by its address while it is there") {
  Cluster cluster;
  const auto service = ServiceJson({.name = "processor",
                                    .uid = 1,
                                    .addresses = {"10.96.0.7", "fd00:96::7"},
                                    .node_port = 30'080});
  cluster.Set(Resource::kServices, service);
  cluster.Set(Resource::kNodes, NodeJson("node-a", 100, {"192.168.1.1"}));
  for (const char* const address : {"10.96.0.7", "fd00:96::7"}) {
    CHECK(cluster.At(address).service == "processor");
    CHECK(cluster.At(address).namespace_name == "voice");
    CHECK(cluster.At(address).pod.empty());
  }
  CHECK(cluster.At("192.168.1.1", kTenNs, 30'080, IPPROTO_TCP).service == "processor");
  const uint64_t version = cluster.state.Version();
  cluster.Set(Resource::kServices, service);
  CHECK(cluster.state.Version() == version);
  cluster.state.Remove(Resource::kServices, Decoded(service));
  CHECK(cluster.state.Version() != version);
  CHECK(cluster.At("10.96.0.7").service.empty());
}

TEST_CASE("A node's address that a load balancer has as well is the node's") {
  Cluster cluster;
  cluster.Set(Resource::kNodes, NodeJson("node-a", 100, {"192.168.1.1"}));
  nlohmann::json service = ServiceJson({.name = "s", .uid = 1, .addresses = {"10.96.0.7"}});
  service["status"]["loadBalancer"]["ingress"] = {{{"ip", "192.168.1.1"}}, {{"ip", "203.0.113.5"}}};
  cluster.Set(Resource::kServices, service);
  CHECK(cluster.At("192.168.1.1").ambiguous);
  CHECK(cluster.At("192.168.1.1").service.empty());
  CHECK(cluster.At("203.0.113.5").service == "s");
}

TEST_CASE("The probe's hint names what the address cannot") {
  Cluster cluster;
  cluster.SetPod({.name = "known-aaaaa", .uid = 1, .addresses = {"10.0.1.5"}});
  const ContainerHint known{.pod_uid = UidText(1), .namespace_name = "", .pod = ""};
  const ContainerHint unknown{.pod_uid = UidText(9), .namespace_name = "voice", .pod = "new-bbbbb"};
  const auto at = [&](const std::string& address, const ContainerHint& hint) {
    return cluster.At(address, kTenNs, 0, IPPROTO_TCP, hint).pod;
  };
  CHECK(at("172.16.0.9", known) == "known-aaaaa");
  CHECK(at("172.16.0.9", unknown) == "new-bbbbb");
  CHECK(at("10.0.1.5", unknown) == "known-aaaaa");
  CHECK(at("172.16.0.9", {.pod_uid = UidText(9), .namespace_name = "", .pod = ""}).empty());
}

TEST_CASE("What a new list does not hold is gone") {
  Cluster cluster;
  const PodText stays{.name = "a-aaaaa", .uid = 1, .addresses = {"10.0.1.5"}};
  cluster.SetPod(stays);
  cluster.SetPod({.name = "b-bbbbb", .uid = 2, .addresses = {"10.0.1.6"}});
  cluster.Set(Resource::kServices,
              ServiceJson({.name = "s", .uid = 3, .addresses = {"10.96.0.7"}}));
  cluster.Set(Resource::kNodes, NodeJson("node-a", 4, {"192.168.1.1"}));
  for (const ResourceFacts& facts : kResources) {
    cluster.state.BeginList(facts.resource);
  }
  // An unfinished list takes nothing away.
  CHECK(cluster.At("10.0.1.6").pod == "b-bbbbb");
  for (const ResourceFacts& facts : kResources) {
    cluster.state.BeginList(facts.resource);
  }
  cluster.SetPod(stays);
  const uint64_t version = cluster.state.Version();
  for (const ResourceFacts& facts : kResources) {
    cluster.state.EndList(facts.resource);
  }
  CHECK(cluster.state.Version() != version);
  CHECK(cluster.At("10.0.1.5").pod == "a-aaaaa");
  CHECK(cluster.At("10.0.1.6").pod.empty());
  CHECK(cluster.At("10.96.0.7").service.empty());
  CHECK(cluster.At("192.168.1.1").node.empty());
}

TEST_CASE("What changes nothing for an answer leaves the version") {
  Cluster cluster;
  PodText pod{.name = "a-aaaaa", .uid = 1, .addresses = {"10.0.1.5"}};
  cluster.SetPod(pod);
  const uint64_t version = cluster.state.Version();
  cluster.SetPod(pod);
  cluster.Set(Resource::kReplicaSets, OwnedJson("ReplicaSet", "r", 2, {}));
  cluster.state.Tick();
  CHECK(cluster.state.Version() == version);
  pod.addresses.push_back("fd00::5");
  cluster.SetPod(pod);
  CHECK(cluster.state.Version() != version);
}

TEST_CASE("What ended long ago is forgotten, with every name that nobody uses any more") {
  Cluster cluster;
  const size_t empty_bytes = cluster.state.statistics().bytes;
  const PodText pod{.name = "averyveryverylongname-of-a-workload-aaaaa",
                    .uid = 1,
                    .addresses = {"10.0.1.5"},
                    .owners = {{.kind = "ReplicaSet", .name = "averyverylongname", .uid = 2}}};
  cluster.SetPod(pod);
  cluster.RemovePod(pod);
  cluster.clock.Advance(PodTable::kHistoryNs - 1);
  cluster.state.Tick();
  CHECK(cluster.At("10.0.1.5", kTenNs - 1).pod == pod.name);
  cluster.clock.Advance(1);
  cluster.state.Tick();
  CHECK(cluster.At("10.0.1.5", kTenNs - 1).pod.empty());
  const ClusterState::Statistics statistics = cluster.state.statistics();
  CHECK(statistics.tables[0].used == 0);
  CHECK(statistics.tables[1].used == 0);
  CHECK(statistics.tables[1].evictions == 0);
  // Chunks and hash tables stay, texts do not.
  CHECK(statistics.bytes >= empty_bytes);
  CHECK(statistics.bytes < empty_bytes + 100'000);
}

TEST_CASE("Pods, history and pods of one address are bounded, and what is left out is counted") {
  Cluster cluster({.max_pods = 50, .max_history = 20});
  for (int i = 0; i < 100; ++i) {
    cluster.SetPod({.name = fmt::format("a-{}", i),
                    .uid = static_cast<uint64_t>(i) + 1,
                    .addresses = {fmt::format("10.0.1.{}", i)}});
  }
  CHECK(cluster.state.statistics().tables[0].used == 50);
  CHECK(cluster.state.statistics().tables[0].evictions == 50);
  for (int i = 0; i < 50; ++i) {
    cluster.RemovePod({.name = fmt::format("a-{}", i), .uid = static_cast<uint64_t>(i) + 1});
  }
  CHECK(cluster.state.statistics().tables[1].used == 20);
  CHECK(cluster.state.statistics().tables[1].evictions == 30);

  Cluster crowded;
  for (uint64_t i = 1; i <= 2 * PodTable::kMaxHoldingsPerAddress; ++i) {
    crowded.SetPod({.name = fmt::format("a-{}", i), .uid = i, .addresses = {"10.0.1.5"}});
  }
  CHECK(crowded.state.statistics().tables[0].used <= PodTable::kMaxHoldingsPerAddress);
  CHECK(crowded.state.statistics().tables[0].evictions >= PodTable::kMaxHoldingsPerAddress);
}

}  // namespace
}  // namespace audio_latency::correlator
