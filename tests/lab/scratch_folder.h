// A folder for one test.

#ifndef TESTS_LAB_SCRATCH_FOLDER_H_
#define TESTS_LAB_SCRATCH_FOLDER_H_

#include <string>
#include <string_view>

namespace audio_latency::lab {

// Made under /tmp, removed with all that it holds.
class ScratchFolder {
 public:
  ScratchFolder();
  ~ScratchFolder();
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  const std::string& path() const { return path_; }
  // The path of a new file in it.
  std::string Write(const std::string& name, std::string_view text) const;

 private:
  std::string path_;
};

// The whole file; empty where there is none.
std::string ReadFile(const std::string& path);

}  // namespace audio_latency::lab

#endif  // TESTS_LAB_SCRATCH_FOLDER_H_
