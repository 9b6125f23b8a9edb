#include "probe/check/container_check.h"

#include "fmt/format.h"
#include "fmt/ranges.h"

namespace audio_latency::probe {

CheckItem JudgeContainers(const CgroupTree::Statistics& cgroups,
                          const NamespaceOwners::Statistics& namespaces,
                          const std::string& kubelet_address) {
  CheckItem item{"container identity", CheckState::kOk, "", ""};
  const std::string names = kubelet_address.empty()
                                ? "names from the correlator"
                                : fmt::format("names from the kubelet at {}", kubelet_address);
  if (cgroups.containers > 0) {
    item.found = fmt::format("{} container(s) in cgroup v2 at {}; {}", cgroups.containers,
                             fmt::join(cgroups.mounts, ", "), names);
    return item;
  }
  if (namespaces.namespaces > 0) {
    item.found = fmt::format("{} container network namespace(s) by their processes; {}",
                             namespaces.namespaces, names);
    return item;
  }
  item.state = CheckState::kNote;
  if (cgroups.mounts.empty()) {
    item.found = "no cgroup v2 here: pods are told by their addresses only";
    item.advice =
        "where pods share addresses, mount the node's /sys/fs/cgroup read-only into the probe";
  } else {
    item.found = fmt::format(
        "no container in cgroup v2 at {}: pods are told by their addresses "
        "only",
        fmt::join(cgroups.mounts, ", "));
    item.advice =
        "if there are containers here, mount the node's /sys/fs/cgroup read-only into the probe, "
        "and see that CONTAINER_RUNTIME does not leave them out";
  }
  return item;
}

CheckItem CheckContainers(const ProbeConfig& config) {
  CgroupTree cgroups(config.container_runtime);
  cgroups.Scan();
  NamespaceOwners namespaces(config.container_runtime);
  namespaces.Scan();
  return JudgeContainers(cgroups.statistics(), namespaces.statistics(), config.kubelet.address);
}

}  // namespace audio_latency::probe
