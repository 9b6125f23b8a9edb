// Reads what the names of cgroups tell of containers and pods.

#ifndef PROBE_CONTAINERS_CGROUP_PATH_H_
#define PROBE_CONTAINERS_CGROUP_PATH_H_

#include <optional>
#include <string_view>

#include "probe/containers/container_identity.h"

namespace audio_latency::probe {

// The container in whose cgroup `path` is, as docker, containerd and CRI-O name them with the
// cgroup drivers systemd and cgroupfs; nothing where it is in none. Of nested containers (kind,
// docker in docker) the innermost counts. Leading "..", as a cgroup namespace shows them, do no
// harm; nor do cgroups that the container made within its own.
//
// `only`: containers of other runtimes are none; kUnknown takes all. What can be of either runtime
// is taken to be of that one.
//
// Any bytes may come; a path beyond PATH_MAX is none.
std::optional<ContainerIdentity> ParseCgroupPath(std::string_view path, ContainerRuntime only);

// The same of the text of /proc/PID/cgroup: lines "hierarchy:controllers:path" (cgroups(7)). The
// line of cgroup v2 goes before those of version 1, of which the first that names a container
// counts.
std::optional<ContainerIdentity> ParseProcCgroup(std::string_view text, ContainerRuntime only);

}  // namespace audio_latency::probe

#endif  // PROBE_CONTAINERS_CGROUP_PATH_H_
