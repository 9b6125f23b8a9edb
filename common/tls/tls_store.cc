#include "common/tls/tls_store.h"

#include <mutex>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "common/status/status_macros.h"
#include "common/tls/expiry_warning.h"

namespace audio_latency {
namespace {

class WatchedTlsStore final : public TlsStore {
 public:
  WatchedTlsStore(const TlsFiles& files, std::vector<FileStamp> stamps, TlsMaterial material,
                  const Clock& realtime, Logger* logger, std::chrono::milliseconds interval)
      : files_(files),
        material_(std::make_shared<const TlsMaterial>(std::move(material))),
        expiry_(files.certificate, realtime, logger) {
    expiry_.Look(*material_);
    // Last: its thread uses the others.
    watcher_ = std::make_unique<FileWatcher>(
        "TLS files", files.paths(), std::move(stamps), [this] { return Reload(); }, logger,
        interval, [this] { expiry_.Look(*Current()); });
  }

  std::shared_ptr<const TlsMaterial> Current() const override {
    const std::scoped_lock lock(mutex_);
    return material_;
  }

  TlsStatistics statistics() const override {
    const FileWatcher::Statistics watched = watcher_->statistics();
    return {.reloads = watched.reloads,
            .reload_failures = watched.failures,
            .certificate_not_after_unix_s = Current()->certificate.not_after_unix_s};
  }

 private:
  absl::Status Reload() {
    ASSIGN_OR_RETURN(TlsMaterial loaded, LoadTlsMaterial(files_));
    auto material = std::make_shared<const TlsMaterial>(std::move(loaded));
    const std::scoped_lock lock(mutex_);
    material_ = std::move(material);
    return absl::OkStatus();
  }

  const TlsFiles files_;
  mutable std::mutex mutex_;
  std::shared_ptr<const TlsMaterial> material_;
  // The watcher's thread's, once there is one.
  ExpiryWarning expiry_;
  std::unique_ptr<FileWatcher> watcher_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<TlsStore>> TlsStore::Open(const TlsFiles& files,
                                                         const Clock& realtime, Logger* logger,
                                                         std::chrono::milliseconds interval) {
  std::vector<FileStamp> stamps = StampsOf(files.paths());
  ASSIGN_OR_RETURN(TlsMaterial material, LoadTlsMaterial(files));
  return std::make_unique<WatchedTlsStore>(files, std::move(stamps), std::move(material), realtime,
                                           logger, interval);
}

}  // namespace audio_latency
