// A folder that stands for a mount of cgroup v2.

#ifndef TESTS_UNIT_PROBE_CONTAINERS_CGROUP_FOLDER_H_
#define TESTS_UNIT_PROBE_CONTAINERS_CGROUP_FOLDER_H_

#include <sys/stat.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

namespace audio_latency::probe {

inline const std::string kTestUid = "5d0c9a1e-7b42-4f68-9c33-0a1b2c3d4e5f";
inline const std::string kTestId(64, 'a');

class CgroupFolder {
 public:
  CgroupFolder() {
    std::string pattern = std::filesystem::temp_directory_path() / "cgroup-XXXXXX";
    if (mkdtemp(pattern.data()) == nullptr) {
      throw std::runtime_error("cannot make a folder");
    }
    folder_ = pattern;
    std::filesystem::create_directory(root());
    std::ofstream(mountinfo()) << "35 24 0:30 / " << root() << " rw - cgroup2 cgroup2 rw\n";
  }
  ~CgroupFolder() { std::filesystem::remove_all(folder_); }
  CgroupFolder(const CgroupFolder&) = delete;
  CgroupFolder& operator=(const CgroupFolder&) = delete;

  std::string root() const { return folder_ + "/cgroup"; }
  std::string mountinfo() const { return folder_ + "/mountinfo"; }
  // Its path.
  std::string Make(const std::string& path) const {
    std::filesystem::create_directories(root() + "/" + path);
    return root() + "/" + path;
  }
  // As the kernel numbers cgroups.
  static uint64_t Number(const std::string& path) {
    struct stat status = {};
    return stat(path.c_str(), &status) == 0 ? status.st_ino : 0;
  }

 private:
  std::string folder_;
};

}  // namespace audio_latency::probe

#endif  // TESTS_UNIT_PROBE_CONTAINERS_CGROUP_FOLDER_H_
