#include "common/process/process_status.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "common/process/file_descriptor.h"

namespace audio_latency {
namespace {

using Catch::Matchers::Contains;

// A made proc(5), gone with the object.
class MadeProc {
 public:
  explicit MadeProc(const std::string& stat,
                    const std::string& machine_stat = "cpu 1 2\nbtime 1000\n")
      : folder_(std::filesystem::temp_directory_path() /
                ("audio-latency-proc-" + std::to_string(getpid()))) {
    std::filesystem::create_directories(folder_ / "self" / "fd");
    std::ofstream(folder_ / "self" / "stat") << stat;
    std::ofstream(folder_ / "stat") << machine_stat;
  }
  ~MadeProc() { std::filesystem::remove_all(folder_); }
  MadeProc(const MadeProc&) = delete;
  MadeProc& operator=(const MadeProc&) = delete;

  std::string path() const { return folder_; }
  void RemoveFiles() const { std::filesystem::remove_all(folder_ / "self" / "fd"); }

 private:
  const std::filesystem::path folder_;
};

// Fields 3 to 24 with the given numbers at their places.
std::string Stat(const std::string& name) {
  return "42 (" + name +
         ") S 1 42 42 0 -1 4194560 100 0 0 0 300 200 0 0 20 0 7 0 500 1048576 25 184467440737\n";
}

TEST_CASE("the fields of a process are found by their places") {
  for (const char* name : {"probe", "a b", "a) R 1 (b"}) {
    CAPTURE(name);
    const MadeProc proc(Stat(name));
    const auto status = ReadProcessStatus(proc.path());
    REQUIRE(status.ok());
    const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
    CHECK(status->cpu_seconds == Approx(500 / ticks));
    CHECK(status->threads == 7);
    CHECK(status->start_time_unix_seconds == Approx(1000 + 500 / ticks));
    CHECK(status->virtual_memory_bytes == 1048576);
    CHECK(status->resident_memory_bytes == 25 * static_cast<uint64_t>(sysconf(_SC_PAGESIZE)));
    CHECK(status->most_open_files > 0);
  }
}

TEST_CASE("what cannot be read or understood is an error that says what") {
  CHECK_THAT(std::string(ReadProcessStatus("/nowhere").status().message()),
             Contains("/nowhere/self/stat"));
  for (const char* stat : {"", "42 (probe", "42 (probe) S 1 2",
                           "42 (probe) S 1 42 42 0 -1 1 1 0 0 0 x 2 "
                           "0 0 20 0 7 0 5 1 2"}) {
    CAPTURE(stat);
    const MadeProc proc(stat);
    CHECK(ReadProcessStatus(proc.path()).status().code() == absl::StatusCode::kDataLoss);
  }
  const MadeProc proc(Stat("probe"), "cpu 1 2\n");
  CHECK_THAT(std::string(ReadProcessStatus(proc.path()).status().message()),
             Contains("when the machine started"));
}

TEST_CASE("a process that may not look at its files tells the rest") {
  const MadeProc proc(Stat("probe"));
  proc.RemoveFiles();
  const auto status = ReadProcessStatus(proc.path());
  REQUIRE(status.ok());
  CHECK_FALSE(status->open_files.has_value());
  CHECK(status->threads == 7);
}

TEST_CASE("this process: what it takes is what is told") {
  const auto before = ReadProcessStatus();
  REQUIRE(before.ok());
  const double now =
      std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  CHECK(before->start_time_unix_seconds > now - 3600);
  CHECK(before->start_time_unix_seconds < now + 2);
  CHECK(before->threads >= 1);

  constexpr size_t kBytes = 32 << 20;
  constexpr int kFiles = 5;
  void* const memory =
      mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  REQUIRE(memory != MAP_FAILED);
  std::memset(memory, 1, kBytes);
  std::vector<FileDescriptor> files;
  for (int i = 0; i < kFiles; ++i) {
    files.emplace_back(open("/dev/null", O_RDONLY | O_CLOEXEC));
  }
  const auto after = ReadProcessStatus();
  REQUIRE(after.ok());
  REQUIRE(before->open_files.has_value());
  REQUIRE(after->open_files.has_value());
  CHECK(*after->open_files == *before->open_files + kFiles);
  CHECK(after->resident_memory_bytes >= before->resident_memory_bytes + kBytes * 9 / 10);
  CHECK(after->virtual_memory_bytes >= before->virtual_memory_bytes + kBytes);
  CHECK(after->cpu_seconds >= before->cpu_seconds);
  munmap(memory, kBytes);
}

}  // namespace
}  // namespace audio_latency
