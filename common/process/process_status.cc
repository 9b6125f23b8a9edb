#include "common/process/process_status.h"

#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string_view>
#include <system_error>

#include "absl/status/status.h"
#include "common/status/status_macros.h"
#include "fmt/format.h"

namespace audio_latency {
namespace {

// proc(5): fields of /proc/PID/stat, counted from 1.
constexpr int kFirstFieldAfterName = 3;
constexpr int kUserTime = 14;
constexpr int kSystemTime = 15;
constexpr int kThreads = 20;
constexpr int kStartTime = 22;
constexpr int kVirtualBytes = 23;
constexpr int kResidentPages = 24;

absl::StatusOr<std::string> ReadText(const std::string& path) {
  std::ifstream file(path);
  if (!file) {
    return absl::UnavailableError(
        fmt::format("{} cannot be read: metrics of the process need proc(5) mounted", path));
  }
  return std::string(std::istreambuf_iterator<char>(file), {});
}

// When the machine started, in Unix time: of /proc/stat the line "btime".
absl::StatusOr<double> ReadBootTime(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, ReadText(path));
  std::istringstream lines(text);
  std::string word;
  while (lines >> word) {
    if (double seconds = 0; word == "btime" && lines >> seconds) {
      return seconds;
    }
  }
  return absl::DataLossError(fmt::format("{} does not tell when the machine started", path));
}

std::optional<uint64_t> CountFiles(const std::string& folder) {
  std::error_code error;
  std::filesystem::directory_iterator entries(folder, error);
  if (error) {
    return std::nullopt;
  }
  uint64_t count = 0;
  for (; entries != std::filesystem::directory_iterator(); entries.increment(error)) {
    if (error) {
      return std::nullopt;
    }
    ++count;
  }
  // The one that was open for counting.
  return count == 0 ? 0 : count - 1;
}

uint64_t MostOpenFiles() {
  rlimit limit = {};
  return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? static_cast<uint64_t>(limit.rlim_cur) : 0;
}

}  // namespace

absl::StatusOr<ProcessStatus> ReadProcessStatus(const std::string& proc_folder) {
  const std::string path = proc_folder + "/self/stat";
  ASSIGN_OR_RETURN(const std::string stat, ReadText(path));
  // The name stands in parentheses and may hold any character, parentheses too.
  const size_t name_end = stat.rfind(')');
  const absl::Status not_understood =
      absl::DataLossError(fmt::format("{} is not as proc(5) tells: {}", path, stat));
  if (name_end == std::string::npos) {
    return not_understood;
  }
  std::istringstream fields(stat.substr(name_end + 1));
  const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  const auto page_bytes = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  ProcessStatus status;
  double start_seconds = 0;
  std::string field;
  for (int number = kFirstFieldAfterName; number <= kResidentPages; ++number) {
    if (!(fields >> field)) {
      return not_understood;
    }
    uint64_t value = 0;
    if (number >= kUserTime && !(std::istringstream(field) >> value)) {
      return not_understood;
    }
    switch (number) {
      case kUserTime:
      case kSystemTime:
        status.cpu_seconds += static_cast<double>(value) / ticks;
        break;
      case kThreads:
        status.threads = value;
        break;
      case kStartTime:
        start_seconds = static_cast<double>(value) / ticks;
        break;
      case kVirtualBytes:
        status.virtual_memory_bytes = value;
        break;
      case kResidentPages:
        status.resident_memory_bytes = value * page_bytes;
        break;
      default:
        break;
    }
  }
  ASSIGN_OR_RETURN(const double boot_time, ReadBootTime(proc_folder + "/stat"));
  status.start_time_unix_seconds = boot_time + start_seconds;
  status.open_files = CountFiles(proc_folder + "/self/fd");
  status.most_open_files = MostOpenFiles();
  return status;
}

}  // namespace audio_latency
