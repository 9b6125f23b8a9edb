#include "probe/check/container_check.h"

#include <catch2/catch.hpp>
#include <string>

namespace audio_latency::probe {
namespace {

using Catch::Matchers::Contains;

TEST_CASE("whether containers can be told apart is said, and what to do where not") {
  CgroupTree::Statistics cgroups;
  NamespaceOwners::Statistics namespaces;
  CheckItem item = JudgeContainers(cgroups, namespaces, "");
  CHECK(item.what == "container identity");
  CHECK(item.state == CheckState::kNote);
  CHECK_THAT(item.found, Contains("addresses only"));
  CHECK_THAT(item.advice, Contains("/sys/fs/cgroup"));

  // Our own cgroup, or a machine without containers.
  cgroups.mounts = {"/sys/fs/cgroup"};
  item = JudgeContainers(cgroups, namespaces, "");
  CHECK(item.state == CheckState::kNote);
  CHECK_THAT(item.advice, Contains("CONTAINER_RUNTIME"));

  namespaces.namespaces = 3;
  item = JudgeContainers(cgroups, namespaces, "");
  CHECK(item.state == CheckState::kOk);
  CHECK_THAT(item.found, Contains("3 container network namespace"));

  cgroups.containers = 12;
  item = JudgeContainers(cgroups, namespaces, "192.0.2.7:10250");
  CHECK(item.state == CheckState::kOk);
  CHECK_THAT(item.found, Contains("12 container") && Contains("192.0.2.7:10250"));
  CHECK(item.advice.empty());
}

}  // namespace
}  // namespace audio_latency::probe
