// Who is at an address, by what a real API server says: workloads through their owners, services,
// pods on their node's network.

#include <string>

#include "tests/kubernetes/support/setting.h"
#include "tests/lab/lab_test.h"

namespace audio_latency::lab {
namespace {

TEST_CASE("pods are named with the workload that owns them, through all owners between") {
  Setting setting;
  const TestCluster& cluster = *setting.cluster;
  const Owner deployment = cluster.AddController("apps/v1", "Deployment", "processor");
  const Owner replicas =
      cluster.AddController("apps/v1", "ReplicaSet", "processor-7d4b9c", {deployment});
  const Owner lone_replicas = cluster.AddController("apps/v1", "ReplicaSet", "lone-5d8f");
  const Owner set = cluster.AddController("apps/v1", "StatefulSet", "store");
  const Owner agent = cluster.AddController("apps/v1", "DaemonSet", "agent");
  const Owner cron = cluster.AddController("batch/v1beta1", "CronJob", "report");
  const Owner job = cluster.AddController("batch/v1", "Job", "report-28712160", {cron});
  const Owner lone_job = cluster.AddController("batch/v1", "Job", "import");
  struct Case {
    PodSpec pod;
    std::string kind;
    std::string workload;
  };
  const std::vector<Case> cases = {
      {{.name = "processor-7d4b9c-k2x9", .address = "10.244.1.1", .owners = {replicas}},
       "Deployment",
       "processor"},
      {{.name = "lone-5d8f-abcde", .address = "10.244.1.2", .owners = {lone_replicas}},
       "ReplicaSet",
       "lone-5d8f"},
      {{.name = "store-0", .address = "10.244.1.3", .owners = {set}}, "StatefulSet", "store"},
      {{.name = "agent-x7x7x", .address = "10.244.1.4", .owners = {agent}}, "DaemonSet", "agent"},
      {{.name = "report-28712160-zz9", .address = "10.244.1.5", .owners = {job}},
       "CronJob",
       "report"},
      {{.name = "import-q1w2e", .address = "10.244.1.6", .owners = {lone_job}}, "Job", "import"}};
  for (const Case& one : cases) {
    cluster.AddPod(one.pod);
  }
  cluster.AddPod("bare", "10.244.1.7");
  setting.StartCorrelator();

  for (const Case& one : cases) {
    const v1::Trace trace = setting.Ask({.source = "10.244.1.7", .destination = one.pod.address});
    INFO(trace.DebugString());
    const v1::Endpoint& found = trace.points(0).destination();
    CHECK(found.pod() == one.pod.name);
    CHECK(found.workload() == one.workload);
    CHECK(found.workload_kind() == one.kind);
    CHECK(found.namespace_() == "voice");
    CHECK(found.node() == "node-a");
    CHECK(trace.points(0).source().pod() == "bare");
  }
}

TEST_CASE("a service's address is the service, not a pod") {
  Setting setting;
  const std::string address = setting.cluster->AddService("processor", 8080);
  setting.cluster->AddPod("ingress-1", "10.244.1.1");
  setting.StartCorrelator();
  const v1::Trace trace = setting.Ask({.source = "10.244.1.1", .destination = address});
  INFO(trace.DebugString());
  CHECK(trace.points(0).destination().service() == "processor");
  CHECK(trace.points(0).destination().namespace_() == "voice");
  CHECK(trace.points(0).destination().pod().empty());
}

TEST_CASE(
    "two pods on their node's network are told apart by port, and what neither has is the node") {
  Setting setting;
  const std::string node = "10.0.0.2";
  setting.cluster->AddPod(
      {.name = "sip-1", .node = "node-b", .address = node, .host_network = true, .ports = {5060}});
  setting.cluster->AddPod({.name = "media-1",
                           .node = "node-b",
                           .address = node,
                           .host_network = true,
                           .ports = {8000, 8001}});
  setting.StartCorrelator();
  const auto at_port = [&](uint16_t port) {
    return setting.Ask({.source = "10.244.1.1", .destination = node, .destination_port = port})
        .points(0)
        .destination();
  };
  CHECK(at_port(5060).pod() == "sip-1");
  CHECK(at_port(8000).pod() == "media-1");
  CHECK(at_port(8001).pod() == "media-1");
  const v1::Endpoint neither = at_port(9999);
  CHECK(neither.pod().empty());
  CHECK(neither.node() == "node-b");
  CHECK(neither.ambiguous());
}

}  // namespace
}  // namespace audio_latency::lab
