#include "probe/containers/cgroup_tree.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "tests/unit/probe/containers/cgroup_folder.h"

namespace audio_latency::probe {
namespace {

TEST_CASE("mounts of cgroup v2 are found among all others") {
  CHECK(CgroupMounts(
            "24 30 0:22 / /sys rw,nosuid shared:7 - sysfs sysfs rw\n"
            "35 24 0:30 / /sys/fs/cgroup rw shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"
            "36 24 0:31 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
            "40 30 0:30 / /host/with\\040space ro master:9 propagate_from:2 - cgroup2 none rw\n") ==
        std::vector<std::string>{"/sys/fs/cgroup", "/host/with space"});
  for (const char* text : {"", "\n\n", "-", "- cgroup2", "a b c d e f", "1 2 3 4 - cgroup2 x\n"}) {
    INFO(text);
    CHECK(CgroupMounts(text).empty());
  }
}

TEST_CASE("containers are found by the number of their directory and of those within it") {
  CgroupFolder folder;
  const std::string pod = folder.Make("kubepods/burstable/pod" + kTestUid);
  const std::string container = folder.Make("kubepods/burstable/pod" + kTestUid + "/" + kTestId);
  const std::string within =
      folder.Make("kubepods/burstable/pod" + kTestUid + "/" + kTestId + "/a");
  const std::string service = folder.Make("system.slice/sshd.service");
  std::ofstream(container + "/cgroup.procs") << "1\n";

  CgroupTree tree(ContainerRuntime::kUnknown, folder.mountinfo());
  CHECK_FALSE(tree.Find(folder.Number(container)).has_value());
  tree.Scan();
  REQUIRE(tree.Find(folder.Number(container)).has_value());
  CHECK(tree.Find(folder.Number(container))->container_id == kTestId);
  CHECK(tree.Find(folder.Number(container))->pod_uid == kTestUid);
  CHECK(tree.Find(folder.Number(within)) == tree.Find(folder.Number(container)));
  REQUIRE(tree.Find(folder.Number(pod)).has_value());
  CHECK(tree.Find(folder.Number(pod))->container_id.empty());
  CHECK_FALSE(tree.Find(folder.Number(service)).has_value());
  CHECK(tree.statistics().containers == 1);
  // The root, kubepods, burstable, pod, container, within, system.slice, sshd.service.
  CHECK(tree.statistics().directories == 8);
  CHECK(tree.statistics().mounts == std::vector<std::string>{folder.root()});

  std::filesystem::remove_all(container);
  tree.Scan();
  CHECK(tree.statistics().containers == 0);
  CHECK(tree.statistics().scans == 2);
}

TEST_CASE("a machine without cgroup v2 has no containers, and a tree too deep is cut") {
  CgroupTree nowhere(ContainerRuntime::kUnknown, "/does/not/exist");
  nowhere.Scan();
  CHECK(nowhere.statistics().mounts.empty());
  CHECK(nowhere.statistics().directories == 0);

  CgroupFolder folder;
  std::string deep = "a";
  for (int i = 0; i < 100; ++i) {
    deep += "/a";
  }
  const std::string container = folder.Make(deep + "/docker/" + kTestId);
  CgroupTree tree(ContainerRuntime::kUnknown, folder.mountinfo());
  tree.Scan();
  CHECK_FALSE(tree.Find(folder.Number(container)).has_value());
  CHECK(tree.statistics().left_out == 1);
}

}  // namespace
}  // namespace audio_latency::probe
