// An image as docker/build.sh leaves it, unpacked.

#ifndef TESTS_IMAGES_IMAGE_H_
#define TESTS_IMAGES_IMAGE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"
#include "tests/lab/container/container.h"

namespace audio_latency::lab {

class Image {
 public:
  // Unpacks `name` (audio-latency-probe) into `folder`, as a container runtime does: owners, modes
  // and capabilities of files included. An error where the build has not left one.
  static absl::StatusOr<Image> Unpack(std::string_view name, const std::string& folder);

  // What the build left beside the image: its list of contents.
  static std::string SbomPath(std::string_view name);

  // The folder with its files.
  const std::string& root() const { return root_; }
  // The image's configuration: `architecture`, `config` (`User`, `Entrypoint`, `Labels`, …).
  const nlohmann::json& configuration() const { return configuration_; }
  // Of all its files together.
  int64_t size_bytes() const { return size_bytes_; }

  // Its user, on its files, without rights and not to gain any.
  ContainerOptions Container() const;

 private:
  Image(std::string root, nlohmann::json configuration, int64_t size_bytes)
      : root_(std::move(root)), configuration_(std::move(configuration)), size_bytes_(size_bytes) {}

  std::string root_;
  nlohmann::json configuration_;
  int64_t size_bytes_;
};

}  // namespace audio_latency::lab

#endif  // TESTS_IMAGES_IMAGE_H_
