#include "common/tls/file_watcher.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "tests/lab/scratch_folder.h"
#include "tests/support/eventually.h"
#include "tests/support/recording_logger.h"

namespace audio_latency {
namespace {

using testing::Eventually;
using testing::RecordingLogger;

constexpr std::chrono::milliseconds kInterval(5);

TEST_CASE("a file that changed after it was read and before it was watched is loaded again") {
  const lab::ScratchFolder folder;
  const std::string path = folder.path() + "/watched";
  std::ofstream(path) << "first";
  const std::vector<FileStamp> stamps = StampsOf({path});
  // Here the program reads it, and then:
  std::ofstream(path) << "second, longer";
  RecordingLogger logger;
  const FileWatcher watcher(
      "watched file", {path}, stamps, [] { return absl::OkStatus(); }, &logger, kInterval);
  CHECK(Eventually([&] { return watcher.statistics().reloads == 1; }));
  CHECK(Eventually([&] { return logger.Has("files_reloaded"); }));
}

TEST_CASE("files that did not change are not loaded, and each look is told") {
  const lab::ScratchFolder folder;
  const std::string path = folder.path() + "/watched";
  std::ofstream(path) << "first";
  RecordingLogger logger;
  std::atomic<int> looks = 0;
  const FileWatcher watcher(
      "watched file", {path}, StampsOf({path}), [] { return absl::OkStatus(); }, &logger, kInterval,
      [&] { ++looks; });
  REQUIRE(Eventually([&] { return looks >= 3; }));
  CHECK(watcher.statistics().reloads == 0);
  std::filesystem::remove(path);
  CHECK(Eventually([&] { return watcher.statistics().reloads == 1; }));
}

TEST_CASE("what cannot be loaded is tried again at each look, and told once") {
  const lab::ScratchFolder folder;
  const std::string path = folder.path() + "/watched";
  std::ofstream(path) << "first";
  RecordingLogger logger;
  std::atomic<bool> is_good = false;
  const FileWatcher watcher(
      "watched file", {path}, StampsOf({path}),
      [&] { return is_good ? absl::OkStatus() : absl::InvalidArgumentError("it is bad"); }, &logger,
      kInterval);
  std::ofstream(path) << "second, longer";
  REQUIRE(Eventually([&] { return watcher.statistics().failures >= 3; }));
  CHECK(logger.Text() ==
        "files_not_reloaded: The watched file changed, but cannot be used: it is bad; the earlier "
        "ones stay in use\n");
  is_good = true;
  CHECK(Eventually([&] { return watcher.statistics().reloads == 1; }));
}

}  // namespace
}  // namespace audio_latency
