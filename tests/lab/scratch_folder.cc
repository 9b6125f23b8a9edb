#include "tests/lab/scratch_folder.h"

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <iterator>

namespace audio_latency::lab {

ScratchFolder::ScratchFolder() : path_("/tmp/audio-latency-test-XXXXXX") {
  if (mkdtemp(path_.data()) == nullptr) {
    path_.clear();
  }
}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  if (!path_.empty()) {
    std::filesystem::remove_all(path_, ignored);
  }
}

std::string ScratchFolder::Write(const std::string& name, std::string_view text) const {
  std::string file_path = path_ + "/" + name;
  std::ofstream(file_path, std::ios::binary) << text;
  return file_path;
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string((std::istreambuf_iterator<char>(file)), {});
}

}  // namespace audio_latency::lab
