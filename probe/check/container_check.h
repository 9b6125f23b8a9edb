// Whether the probe can tell whose flows it sees.

#ifndef PROBE_CHECK_CONTAINER_CHECK_H_
#define PROBE_CHECK_CONTAINER_CHECK_H_

#include <string>

#include "probe/check/check_item.h"
#include "probe/config/probe_config.h"
#include "probe/containers/cgroup_tree.h"
#include "probe/containers/namespace_owners.h"

namespace audio_latency::probe {

// Looks at the cgroups and processes that can be seen here.
CheckItem CheckContainers(const ProbeConfig& config);

// What they mean: `cgroups` and `namespaces` as one look found them.
CheckItem JudgeContainers(const CgroupTree::Statistics& cgroups,
                          const NamespaceOwners::Statistics& namespaces,
                          const std::string& kubelet_address);

}  // namespace audio_latency::probe

#endif  // PROBE_CHECK_CONTAINER_CHECK_H_
