// The machine's cgroups (version 2) by their numbers.

#ifndef PROBE_CONTAINERS_CGROUP_TREE_H_
#define PROBE_CONTAINERS_CGROUP_TREE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "probe/containers/container_identity.h"

namespace audio_latency::probe {

// Knows those cgroups that are containers'. A cgroup's number is that of its directory, as
// bpf_skb_cgroup_id and INET_DIAG_CGROUP_ID tell it. Not thread-safe.
class CgroupTree {
 public:
  // Directories that one scan reads; more are left out, and counted.
  static constexpr size_t kMostDirectories = 65'536;

  // The mounts of cgroup v2 that /proc/self/mountinfo names; a container sees the machine's cgroups
  // only where the machine's mount is handed to it, else just its own.
  explicit CgroupTree(ContainerRuntime only, std::string mountinfo = "/proc/self/mountinfo");

  // Reads all directories anew: some milliseconds for a full node.
  void Scan();
  // As the last scan found it.
  std::optional<ContainerIdentity> Find(uint64_t cgroup_id) const;

  struct Statistics {
    // Where cgroup v2 is mounted; empty: nowhere.
    std::vector<std::string> mounts;
    // Different containers.
    size_t containers = 0;
    size_t directories = 0;
    // Directories below these were not read: there were too many, or they lie too deep.
    size_t left_out = 0;
    uint64_t scans = 0;
  };
  // Of the last scan.
  const Statistics& statistics() const { return statistics_; }

 private:
  void ScanFolder(const std::string& mount, const std::string& path, int depth);

  const ContainerRuntime only_;
  const std::string mountinfo_;
  absl::flat_hash_map<uint64_t, ContainerIdentity> containers_;
  Statistics statistics_;
};

// The mount points of cgroup v2 in the text of mountinfo (proc(5)), without escapes.
std::vector<std::string> CgroupMounts(const std::string& mountinfo_text);

}  // namespace audio_latency::probe

#endif  // PROBE_CONTAINERS_CGROUP_TREE_H_
