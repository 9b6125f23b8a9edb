#include "probe/containers/cgroup_path.h"

#include <catch2/catch.hpp>
#include <climits>
#include <random>
#include <string>
#include <vector>

#include "fmt/format.h"

namespace audio_latency::probe {
namespace {

constexpr ContainerRuntime kAny = ContainerRuntime::kUnknown;
constexpr char kUid[] = "5d0c9a1e-7b42-4f68-9c33-0a1b2c3d4e5f";
constexpr char kUidInSlice[] = "5d0c9a1e_7b42_4f68_9c33_0a1b2c3d4e5f";
constexpr char kManifestHash[] = "9f86d081884c7d659a2feaa0c55ad015";
const std::string kId(std::string(60, 'a') + "01ef");
const std::string kOtherId(64, 'b');

// Path, with {uid}, {slice_uid}, {hash}, {id} and {other} filled in.
std::string Path(const std::string& form) {
  return fmt::format(fmt::runtime(form), fmt::arg("uid", kUid), fmt::arg("slice_uid", kUidInSlice),
                     fmt::arg("hash", kManifestHash), fmt::arg("id", kId),
                     fmt::arg("other", kOtherId));
}

struct Sample {
  const char* what;
  const char* path;
  ContainerIdentity identity;
};

// Forms as the runtimes' and the kubelet's own code makes them; numbers made up.
const std::vector<Sample>& Samples() {
  static const std::vector<Sample> samples = {
      {"containerd, systemd, burstable",
       "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{slice_uid}.slice/"
       "cri-containerd-{id}.scope",
       {ContainerRuntime::kContainerd, kId, kUid}},
      {"containerd, systemd, best effort",
       "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod{slice_uid}.slice/"
       "cri-containerd-{id}.scope",
       {ContainerRuntime::kContainerd, kId, kUid}},
      {"containerd, systemd, guaranteed",
       "/kubepods.slice/kubepods-pod{slice_uid}.slice/cri-containerd-{id}.scope",
       {ContainerRuntime::kContainerd, kId, kUid}},
      {"containerd, cgroupfs", "/kubepods/burstable/pod{uid}/{id}", {kAny, kId, kUid}},
      {"containerd, cgroupfs, guaranteed", "/kubepods/pod{uid}/{id}", {kAny, kId, kUid}},
      {"containerd, cgroupfs with a name of systemd's form (k3s)",
       "/system.slice/containerd.service/kubepods-burstable-pod{slice_uid}.slice:cri-containerd:"
       "{id}",
       {ContainerRuntime::kContainerd, kId, kUid}},
      {"containerd, systemd, static pod",
       "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{hash}.slice/"
       "cri-containerd-{id}.scope",
       {ContainerRuntime::kContainerd, kId, kManifestHash}},
      {"containerd, cgroupfs, static pod",
       "/kubepods/burstable/pod{hash}/{id}",
       {kAny, kId, kManifestHash}},
      {"cri-o, systemd",
       "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{slice_uid}.slice/"
       "crio-{id}.scope",
       {ContainerRuntime::kCrio, kId, kUid}},
      {"cri-o with crun, which makes a cgroup within",
       "/kubepods.slice/kubepods-pod{slice_uid}.slice/crio-{id}.scope/container",
       {ContainerRuntime::kCrio, kId, kUid}},
      {"cri-o, cgroupfs",
       "/kubepods/besteffort/pod{uid}/crio-{id}",
       {ContainerRuntime::kCrio, kId, kUid}},
      {"docker in Kubernetes, systemd",
       "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod{slice_uid}.slice/"
       "docker-{id}.scope",
       {ContainerRuntime::kDocker, kId, kUid}},
      {"docker in Kubernetes, systemd of old with dashes",
       "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{uid}.slice/"
       "docker-{id}.scope",
       {ContainerRuntime::kDocker, kId, kUid}},
      {"docker alone, systemd",
       "/system.slice/docker-{id}.scope",
       {ContainerRuntime::kDocker, kId, ""}},
      {"docker alone, cgroupfs", "/docker/{id}", {ContainerRuntime::kDocker, kId, ""}},
      {"a system in a container", "/docker/{id}/init.scope", {ContainerRuntime::kDocker, kId, ""}},
      {"kind, cgroupfs",
       "/docker/{other}/kubelet/kubepods/burstable/pod{uid}/{id}",
       {kAny, kId, kUid}},
      {"kind, systemd",
       "/system.slice/docker-{other}.scope/kubelet.slice/kubelet-kubepods.slice/"
       "kubelet-kubepods-burstable.slice/kubelet-kubepods-burstable-pod{slice_uid}.slice/"
       "cri-containerd-{id}.scope",
       {ContainerRuntime::kContainerd, kId, kUid}},
      {"docker in docker", "/docker/{other}/docker/{id}", {ContainerRuntime::kDocker, kId, ""}},
      {"docker in a pod",
       "/kubepods/burstable/pod{uid}/{other}/docker/{id}",
       {ContainerRuntime::kDocker, kId, kUid}},
      {"from another cgroup namespace, cgroupfs", "/../../pod{uid}/{id}", {kAny, kId, kUid}},
      {"from another cgroup namespace, systemd",
       "/../cri-containerd-{id}.scope",
       {ContainerRuntime::kContainerd, kId, ""}},
      {"the pod itself, in none of its containers",
       "/kubepods/burstable/pod{uid}",
       {kAny, "", kUid}},
      {"a pod on a kind node, in none of its containers",
       "/docker/{other}/kubelet/kubepods/burstable/pod{uid}",
       {kAny, "", kUid}},
      {"removed meanwhile", "/kubepods/burstable/pod{uid}/{id} (deleted)", {kAny, kId, kUid}},
  };
  return samples;
}

TEST_CASE("cgroups of every runtime and driver name their container and pod") {
  for (const Sample& sample : Samples()) {
    INFO(sample.what);
    const auto found = ParseCgroupPath(Path(sample.path), kAny);
    REQUIRE(found.has_value());
    CHECK(*found == sample.identity);
    // As a directory below a mount point has it.
    CHECK(ParseCgroupPath(Path(sample.path).substr(1), kAny) == found);
  }
}

TEST_CASE("what is no container's cgroup is none") {
  for (const char* form :
       {"", "/", "/..", "//", "/init.scope", "/user.slice/user-1000.slice/session-3.scope",
        "/system.slice/containerd.service", "/system.slice/docker.service", "/kubepods",
        "/kubepods.slice/kubepods-burstable.slice", "/kubepods.slice/kubepods-pod.slice",
        // the monitors of CRI-O's containers
        "/system.slice/crio-conmon-{id}.scope",
        "/kubepods.slice/kubepods-pod{slice_uid}.slice/crio-conmon-{id}.scope",
        "/kubepods/burstable/pod{uid}/crio-conmon-{id}",
        // not of these runtimes
        "/machine.slice/libpod-{id}.scope", "/lxc/name", "/system.slice/foo-{id}.scope",
        // of another length, or no digits
        "/docker/{id}0", "/docker/a", "/kubepods/podx{uid}", "/kubepods/pod{uid}0",
        "/system.slice/docker-{id}0.scope", "/system.slice/docker-.scope"}) {
    INFO(form);
    CHECK_FALSE(ParseCgroupPath(Path(form), kAny).has_value());
  }
  std::string upper = Path("/docker/{id}");
  upper[10] = 'A';
  CHECK_FALSE(ParseCgroupPath(upper, kAny).has_value());
}

TEST_CASE("other runtimes' containers are left out when one is named") {
  const std::string containerd = Path(
      "/kubepods.slice/kubepods-pod{slice_uid}.slice/"
      "cri-containerd-{id}.scope");
  CHECK(ParseCgroupPath(containerd, ContainerRuntime::kContainerd).has_value());
  CHECK_FALSE(ParseCgroupPath(containerd, ContainerRuntime::kDocker).has_value());
  CHECK_FALSE(ParseCgroupPath(containerd, ContainerRuntime::kCrio).has_value());
  // What may be anyone's is the named one's.
  const auto plain = ParseCgroupPath(Path("/kubepods/pod{uid}/{id}"), ContainerRuntime::kDocker);
  REQUIRE(plain.has_value());
  CHECK(plain->runtime == ContainerRuntime::kDocker);
  // The machine of kind is docker's, the pod containerd's.
  const auto nested =
      ParseCgroupPath(Path("/docker/{other}/kubelet.slice/kubelet-kubepods-pod{slice_uid}.slice/"
                           "cri-containerd-{id}.scope"),
                      ContainerRuntime::kContainerd);
  REQUIRE(nested.has_value());
  CHECK(nested->pod_uid == kUid);
}

TEST_CASE("/proc/PID/cgroup: version 2 before version 1, which has a line for each controller") {
  const std::string v1 = Path(
      "12:pids:/kubepods/burstable/pod{uid}/{id}\n"
      "11:cpu,cpuacct:/kubepods/burstable/pod{uid}/{id}\n"
      "2:net_cls,net_prio:/\n"
      "1:name=systemd:/kubepods/burstable/pod{uid}/{id}\n");
  const ContainerIdentity in_pod{kAny, kId, kUid};
  CHECK(ParseProcCgroup(v1, kAny) == in_pod);
  CHECK(ParseProcCgroup(v1 + "0::/\n", kAny) == in_pod);
  // Hybrid: the line of version 2 is last, and counts.
  CHECK(ParseProcCgroup(v1 + Path("0::/docker/{other}\n"), kAny) ==
        ContainerIdentity{ContainerRuntime::kDocker, kOtherId, ""});
  // The kubelet's pod of systemd's form has colons in its name; no newline at the end.
  CHECK(ParseProcCgroup(Path("0::/system.slice/containerd.service/"
                             "kubepods-pod{slice_uid}.slice:cri-containerd:{id}"),
                        kAny) == ContainerIdentity{ContainerRuntime::kContainerd, kId, kUid});
  for (const char* text : {"", "\n", "0", "0:", "0::", "0::\n", ":::\n", "no colons at all",
                           "0::/init.scope\n", "\n\n\n"}) {
    INFO(text);
    CHECK_FALSE(ParseProcCgroup(text, kAny).has_value());
  }
}

TEST_CASE("hostile paths are none, and take no time") {
  const std::string container = Path("/kubepods/pod{uid}/{id}");
  CHECK_FALSE(ParseCgroupPath(std::string(PATH_MAX, 'a') + container, kAny).has_value());
  CHECK_FALSE(ParseCgroupPath(std::string(10'000'000, '/'), kAny).has_value());
  CHECK_FALSE(ParseProcCgroup(std::string(10'000'000, ':'), kAny).has_value());
  CHECK_FALSE(ParseProcCgroup(std::string(10'000'000, '\n') + "0::" + container, kAny).has_value());
  // Deep, but not too long.
  std::string deep;
  while (deep.size() + container.size() + 2 < PATH_MAX) {
    deep += "/a";
  }
  CHECK(ParseCgroupPath(deep + container, kAny).has_value());
  CHECK(ParseCgroupPath(container + "/a/b/c", kAny).has_value());
  // Bytes of all sorts, zero among them.
  std::minstd_rand random(7);
  for (int round = 0; round < 2'000; ++round) {
    std::string bytes(random() % 300, '\0');
    for (char& byte : bytes) {
      byte = static_cast<char>(random());
    }
    CHECK_FALSE(ParseCgroupPath(bytes, kAny).has_value());
    CHECK_FALSE(ParseProcCgroup("0::" + bytes, kAny).has_value());
  }
  std::string with_zero = container;
  with_zero[with_zero.size() - 3] = '\0';
  const auto found = ParseCgroupPath(with_zero, kAny);
  REQUIRE(found.has_value());
  CHECK(found->container_id.empty());
}

}  // namespace
}  // namespace audio_latency::probe
