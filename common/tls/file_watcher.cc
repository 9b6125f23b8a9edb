#include "common/tls/file_watcher.h"

#include <sys/stat.h>

#include <utility>

#include "common/status/status_macros.h"
#include "fmt/format.h"
#include "nlohmann/json.hpp"

namespace audio_latency {

std::vector<FileStamp> StampsOf(const std::vector<std::string>& paths) {
  constexpr int64_t kNsPerSecond = 1'000'000'000;
  std::vector<FileStamp> stamps;
  for (const std::string& path : paths) {
    struct stat found = {};
    FileStamp stamp;
    if (stat(path.c_str(), &found) == 0) {
      stamp = {.modified_ns = found.st_mtim.tv_sec * kNsPerSecond + found.st_mtim.tv_nsec,
               .size_bytes = found.st_size,
               .inode = found.st_ino};
    }
    stamps.push_back(stamp);
  }
  return stamps;
}

FileWatcher::FileWatcher(std::string what, std::vector<std::string> paths,
                         std::vector<FileStamp> loaded, std::function<absl::Status()> reload,
                         Logger* logger, std::chrono::milliseconds interval,
                         std::function<void()> at_each_look)
    : what_(std::move(what)),
      paths_(std::move(paths)),
      reload_(std::move(reload)),
      at_each_look_(std::move(at_each_look)),
      logger_(logger),
      interval_(interval),
      loaded_(std::move(loaded)),
      thread_([this] { Run(); }) {}

FileWatcher::~FileWatcher() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  stopped_.notify_all();
  thread_.join();
}

FileWatcher::Statistics FileWatcher::statistics() const {
  const std::scoped_lock lock(mutex_);
  return statistics_;
}

void FileWatcher::Run() {
  std::unique_lock lock(mutex_);
  while (!stopped_.wait_for(lock, interval_, [this] { return stopping_; })) {
    lock.unlock();
    Look();
    if (at_each_look_ != nullptr) {
      at_each_look_();
    }
    lock.lock();
  }
}

void FileWatcher::Look() {
  // Before the files are read: what changes meanwhile is found at the next look.
  std::vector<FileStamp> stamps = StampsOf(paths_);
  if (stamps == loaded_) {
    return;
  }
  const absl::Status status = reload_();
  {
    const std::scoped_lock lock(mutex_);
    ++(status.ok() ? statistics_.reloads : statistics_.failures);
  }
  if (status.ok()) {
    loaded_ = std::move(stamps);
    told_.clear();
    logger_->Info("files_reloaded", fmt::format("The {} changed and were loaded", what_),
                  {{"files", paths_}});
  } else if (told_ != Message(status)) {
    told_ = Message(status);
    logger_->Warn(
        "files_not_reloaded",
        fmt::format("The {} changed, but cannot be used: {}; the earlier ones stay in use", what_,
                    told_),
        {{"files", paths_}});
  }
}

}  // namespace audio_latency
