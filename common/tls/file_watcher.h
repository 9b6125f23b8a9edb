// Files that may be replaced while the program runs.

#ifndef COMMON_TLS_FILE_WATCHER_H_
#define COMMON_TLS_FILE_WATCHER_H_

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "common/logging/logger.h"

namespace audio_latency {

// What tells that a file was replaced or written to.
struct FileStamp {
  int64_t modified_ns = 0;
  int64_t size_bytes = -1;
  uint64_t inode = 0;

  friend bool operator==(const FileStamp&, const FileStamp&) = default;
};

// Of each path, as it is now. Take them before the files are read: what changes while they are is
// then noticed.
std::vector<FileStamp> StampsOf(const std::vector<std::string>& paths);

// Looks every `interval` whether one of some files changed (time, size or inode: a rename, or a
// Kubernetes Secret's switch of symbolic links, changes the last), and has them loaded again. What
// cannot be loaded is tried again at each look, and told once. Thread-safe.
class FileWatcher {
 public:
  static constexpr std::chrono::milliseconds kInterval{1'000};

  // `what` names the files in the log ("TLS files"). `reload` is called by the watcher's thread and
  // leaves everything as it was when it fails; `at_each_look`, if any, is called by it after each
  // look. All must outlive the watcher. `loaded`: the stamps of what is loaded already.
  FileWatcher(std::string what, std::vector<std::string> paths, std::vector<FileStamp> loaded,
              std::function<absl::Status()> reload, Logger* logger,
              std::chrono::milliseconds interval = kInterval,
              std::function<void()> at_each_look = nullptr);
  // Waits for a reload that is under way.
  ~FileWatcher();
  FileWatcher(const FileWatcher&) = delete;
  FileWatcher& operator=(const FileWatcher&) = delete;

  struct Statistics {
    uint64_t reloads = 0;
    // Attempts, of which there may be many for one change.
    uint64_t failures = 0;
  };
  Statistics statistics() const;

 private:
  void Run();
  void Look();

  const std::string what_;
  const std::vector<std::string> paths_;
  const std::function<absl::Status()> reload_;
  const std::function<void()> at_each_look_;
  Logger* const logger_;
  const std::chrono::milliseconds interval_;
  // The thread's.
  std::vector<FileStamp> loaded_;
  std::string told_;

  mutable std::mutex mutex_;
  std::condition_variable stopped_;
  bool stopping_ = false;
  Statistics statistics_;
  std::jthread thread_;
};

}  // namespace audio_latency

#endif  // COMMON_TLS_FILE_WATCHER_H_
