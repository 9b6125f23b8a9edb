#include "probe/containers/cgroup_tree.h"

#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>
#include <string_view>
#include <utility>

#include "probe/containers/cgroup_path.h"

namespace audio_latency::probe {
namespace {

// Kubernetes in a container in a virtual machine comes to about fifteen.
constexpr int kMostDepth = 64;
constexpr size_t kMostMounts = 16;

struct FolderDeleter {
  void operator()(DIR* folder) const { closedir(folder); }
};
using Folder = std::unique_ptr<DIR, FolderDeleter>;

std::string ReadText(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// The kernel writes space, tab, newline and backslash as a backslash with three octal digits.
std::string Unescape(std::string_view text) {
  std::string plain;
  const auto is_octal = [](char byte) { return byte >= '0' && byte <= '7'; };
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size() &&
        std::all_of(text.begin() + i + 1, text.begin() + i + 4, is_octal)) {
      plain.push_back(static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 +
                                        (text[i + 3] - '0')));
      i += 3;
    } else {
      plain.push_back(text[i]);
    }
  }
  return plain;
}

}  // namespace

std::vector<std::string> CgroupMounts(const std::string& mountinfo_text) {
  constexpr size_t kMountPointField = 4;
  std::vector<std::string> mounts;
  std::istringstream lines(mountinfo_text);
  for (std::string line; std::getline(lines, line) && mounts.size() < kMostMounts;) {
    std::istringstream words(line);
    const std::vector<std::string> fields{std::istream_iterator<std::string>(words), {}};
    // Optional fields stand before the dash, the type behind it.
    const auto dash = std::find(fields.begin(), fields.end(), "-");
    if (fields.end() - dash < 2 || *(dash + 1) != "cgroup2" ||
        dash - fields.begin() <= static_cast<ptrdiff_t>(kMountPointField)) {
      continue;
    }
    mounts.push_back(Unescape(fields[kMountPointField]));
  }
  return mounts;
}

CgroupTree::CgroupTree(ContainerRuntime only, std::string mountinfo)
    : only_(only), mountinfo_(std::move(mountinfo)) {}

void CgroupTree::Scan() {
  containers_.clear();
  const uint64_t scans = statistics_.scans + 1;
  statistics_ = Statistics{.mounts = CgroupMounts(ReadText(mountinfo_)), .scans = scans};
  std::set<std::pair<dev_t, ino_t>> seen;
  for (const std::string& mount : statistics_.mounts) {
    // One hierarchy may be mounted more than once.
    struct stat root = {};
    if (stat(mount.c_str(), &root) == 0 && seen.emplace(root.st_dev, root.st_ino).second) {
      ScanFolder(mount, "", 0);
    }
  }
  std::set<std::string> ids;
  for (const auto& [number, identity] : containers_) {
    if (!identity.container_id.empty()) {
      ids.insert(identity.container_id);
    }
  }
  statistics_.containers = ids.size();
}

void CgroupTree::ScanFolder(const std::string& mount, const std::string& path, int depth) {
  if (depth > kMostDepth || statistics_.directories >= kMostDirectories) {
    ++statistics_.left_out;
    return;
  }
  ++statistics_.directories;
  const Folder folder(opendir((mount + path).c_str()));
  if (folder == nullptr) {
    return;  // it went meanwhile, or may not be read
  }
  // Closed before going deeper.
  std::vector<std::pair<std::string, uint64_t>> children;
  while (const dirent* const entry = readdir(folder.get())) {
    const std::string_view name = entry->d_name;
    if (entry->d_type == DT_DIR && name != "." && name != "..") {
      children.emplace_back(path + "/" + std::string(name), entry->d_ino);
    }
  }
  for (const auto& [child, number] : children) {
    if (std::optional<ContainerIdentity> identity = ParseCgroupPath(child, only_)) {
      containers_.insert_or_assign(number, *std::move(identity));
    }
    ScanFolder(mount, child, depth + 1);
  }
}

std::optional<ContainerIdentity> CgroupTree::Find(uint64_t cgroup_id) const {
  const auto found = containers_.find(cgroup_id);
  return found == containers_.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace audio_latency::probe
