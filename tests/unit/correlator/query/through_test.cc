#include <catch2/catch.hpp>

#include "correlator/query/snapshots_to_proto.h"
#include "tests/unit/correlator/query/fake_readers.h"

namespace audio_latency::correlator {
namespace {

struct Snapshots {
  FakePathReader paths;
  FakeNodeReader nodes;
  FakeMatchingReader matching;

  Snapshots() { FillThreeNodes(&paths, &nodes, &matching); }

  bool Through(const std::string& name) const {
    return GoesThrough(paths.paths[0], name, paths.hops);
  }
  // As when several pods share each place: by workload only.
  void ForgetPods() {
    for (HopSnapshot& hop : paths.paths[0].hops) {
      for (Endpoint* endpoint : {&hop.source, &hop.destination}) {
        endpoint->pod.clear();
        endpoint->node.clear();
        endpoint->address = IpAddress();
      }
    }
  }
};

TEST_CASE("a path goes through its workloads and pods") {
  Snapshots snapshots;
  for (const char* name : {"ingress", "processor", "egress", "ingress-1", "egress-3"}) {
    CHECK(snapshots.Through(name));
  }
  for (const char* name : {"in", "ingress-2", "ingress > processor", ">", " "}) {
    CHECK_FALSE(snapshots.Through(name));
  }
}

TEST_CASE("a pod is found by its workload where several share a place") {
  Snapshots snapshots;
  snapshots.ForgetPods();
  CHECK(snapshots.Through("processor-2"));
  CHECK_FALSE(snapshots.Through("processor-9"));
}

TEST_CASE("the nodes of a path are known by its hops") {
  Snapshots snapshots;
  const std::vector<std::string> all = {"node-a", "node-b", "node-c"};
  CHECK(NodesOf(snapshots.paths.paths[0], snapshots.paths.hops) == all);
  snapshots.ForgetPods();
  CHECK(NodesOf(snapshots.paths.paths[0], snapshots.paths.hops) == all);
  CHECK(NodesOf(snapshots.paths.paths[0], {}).empty());
}

}  // namespace
}  // namespace audio_latency::correlator
