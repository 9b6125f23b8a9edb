// What is in the images, and what is not.

#include <fmt/format.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/images/image.h"
#include "tests/lab/lab_test.h"
#include "tests/lab/process.h"
#include "tests/lab/scratch_folder.h"

namespace audio_latency::lab {
namespace {

namespace fs = std::filesystem;

struct Expected {
  std::string name;
  std::set<std::string> programs;
  std::string licences;
  int64_t most_bytes;
};

const std::vector<Expected>& ExpectedImages() {
  static const std::vector<Expected> images = {
      {"audio-latency-probe",
       {"usr/bin/audio-latency-probe"},
       "Apache-2.0 AND GPL-2.0-only",
       40'000'000},
      {"audio-latency-correlator",
       {"usr/bin/audio-latency", "usr/bin/audio-latency-correlator"},
       "Apache-2.0",
       60'000'000}};
  return images;
}

std::string OutputOf(std::vector<std::string> command) {
  ProcessOptions options;
  options.arguments = std::move(command);
  const CommandResult result = Require(RunCommand(options));
  INFO(result.error);
  CHECK(result.exit_status == 0);
  return result.output;
}

void CheckConfiguration(const Expected& expected, const Image& image) {
  const nlohmann::json& config = image.configuration().at("config");
  CHECK(config.at("User") == "65532:65532");
  CHECK(config.at("Entrypoint") == nlohmann::json::array({"/usr/bin/" + expected.name}));
  // Arguments of the container are the program's.
  CHECK((!config.contains("Cmd") || config.at("Cmd").empty()));
  const nlohmann::json& labels = config.at("Labels");
  CHECK(labels.at("org.opencontainers.image.title") == expected.name);
  CHECK(labels.at("org.opencontainers.image.licenses") == expected.licences);
  CHECK(labels.at("org.opencontainers.image.description").get<std::string>().size() > 10);
  const std::string revision = labels.at("org.opencontainers.image.revision");
  CHECK((revision.size() == 40 || revision == "unknown"));
  const std::string version = labels.at("org.opencontainers.image.version");
  std::vector<std::string> command =
      ContainerCommand(image.Container(), "/usr/bin/" + expected.name);
  command.emplace_back("--version");
  CHECK(OutputOf(command) == fmt::format("{} {}\n", expected.name, version));
}

void CheckFiles(const Expected& expected, const Image& image) {
  std::set<std::string> programs;
  for (const auto& entry : fs::recursive_directory_iterator(image.root())) {
    const std::string path = fs::relative(entry.path(), image.root());
    const std::string file_name = entry.path().filename();
    CAPTURE(path);
    struct stat status = {};
    REQUIRE(lstat(entry.path().c_str(), &status) == 0);
    CHECK(status.st_uid == 0);
    CHECK(status.st_gid == 0);
    CHECK((status.st_mode & (S_ISUID | S_ISGID)) == 0);
    CHECK_FALSE(file_name.starts_with(".wh."));
    if (entry.is_symlink()) {
      const fs::path target = fs::read_symlink(entry.path());
      const fs::path folder =
          target.is_absolute() ? fs::path(image.root()) : entry.path().parent_path();
      CHECK(fs::exists(folder / target.relative_path()));
      continue;
    }
    CHECK(((status.st_mode & S_IWOTH) == 0 || path == "tmp"));
    const bool is_library = file_name.find(".so") != std::string::npos;
    if (entry.is_regular_file() && (status.st_mode & S_IXUSR) != 0 && !is_library) {
      programs.insert(path);
    }
  }
  // No shell, no package manager, nothing but these.
  CHECK(programs == expected.programs);
  const std::string users = ReadFile(image.root() + "/etc/passwd");
  CHECK(users.find("nonroot:x:65532:65532:") != std::string::npos);
  CHECK(users.find("/bin/sh") == std::string::npos);
}

TEST_CASE("an image holds its programs and what they need, small, for a user without rights") {
  const Expected& expected = GENERATE(from_range(ExpectedImages()));
  CAPTURE(expected.name);
  const ScratchFolder folder;
  const Image image = Require(Image::Unpack(expected.name, folder.path()));
  CHECK(image.size_bytes() > 10'000'000);
  CHECK(image.size_bytes() <= expected.most_bytes);
  CheckFiles(expected, image);
  CheckConfiguration(expected, image);
}

TEST_CASE("of all files only the probe's has capabilities, and those are not effective") {
  for (const Expected& expected : ExpectedImages()) {
    CAPTURE(expected.name);
    const ScratchFolder folder;
    const Image image = Require(Image::Unpack(expected.name, folder.path()));
    const std::string found = OutputOf({"getcap", "-r", image.root()});
    const std::string probe = image.root() + "/usr/bin/audio-latency-probe";
    CHECK(found == (expected.name == "audio-latency-probe"
                        ? probe + " cap_net_admin,cap_perfmon,cap_bpf=p\n"
                        : ""));
  }
}

}  // namespace
}  // namespace audio_latency::lab
