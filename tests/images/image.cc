#include "tests/images/image.h"

#include <fmt/format.h>

#include <filesystem>
#include <vector>

#include "common/status/status_macros.h"
#include "tests/lab/process.h"
#include "tests/lab/scratch_folder.h"

namespace audio_latency::lab {
namespace {

namespace fs = std::filesystem;

absl::Status Run(std::vector<std::string> command) {
  ProcessOptions options;
  options.arguments = std::move(command);
  ASSIGN_OR_RETURN(const CommandResult result, RunCommand(options));
  if (result.exit_status != 0) {
    return absl::InternalError(fmt::format("{} failed: {}", options.arguments[0], result.error));
  }
  return absl::OkStatus();
}

int64_t SizeOfFiles(const std::string& root) {
  int64_t size_bytes = 0;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    if (entry.is_regular_file() && !entry.is_symlink()) {
      size_bytes += static_cast<int64_t>(entry.file_size());
    }
  }
  return size_bytes;
}

}  // namespace

absl::StatusOr<Image> Image::Unpack(std::string_view name, const std::string& folder) {
  const std::string archive = fmt::format("{}/{}.tar", AUDIO_LATENCY_IMAGES, name);
  const std::string parts = fmt::format("{}/{}.parts", folder, name);
  const std::string root = fmt::format("{}/{}", folder, name);
  fs::create_directories(parts);
  fs::create_directories(root);
  RETURN_IF_ERROR(Run({"tar", "-xf", archive, "-C", parts}));
  const auto manifest = nlohmann::json::parse(ReadFile(parts + "/manifest.json"));
  for (const nlohmann::json& layer : manifest.at(0).at("Layers")) {
    RETURN_IF_ERROR(
        Run({"tar", "--extract", "--same-owner", "--same-permissions", "--xattrs",
             "--xattrs-include=security.*", "--file",
             fmt::format("{}/{}", parts, layer.get<std::string>()), "--directory", root}));
  }
  const std::string configuration = manifest.at(0).at("Config");
  nlohmann::json parsed = nlohmann::json::parse(ReadFile(parts + "/" + configuration));
  fs::remove_all(parts);
  const int64_t size_bytes = SizeOfFiles(root);
  return Image(root, std::move(parsed), size_bytes);
}

std::string Image::SbomPath(std::string_view name) {
  return fmt::format("{}/{}.spdx.json", AUDIO_LATENCY_IMAGES, name);
}

ContainerOptions Image::Container() const {
  ContainerOptions options;
  options.root = root_;
  options.user =
      static_cast<uid_t>(std::stoul(configuration_.at("config").at("User").get<std::string>()));
  return options;
}

}  // namespace audio_latency::lab
