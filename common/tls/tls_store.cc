#include "common/tls/tls_store.h"

#include <mutex>
#include <utility>

#include "absl/status/status.h"
#include "common/status/status_macros.h"
#include "fmt/format.h"
#include "nlohmann/json.hpp"

namespace audio_latency {
namespace {

constexpr int64_t kNsPerSecond = 1'000'000'000;
constexpr int64_t kWarnAheadS = 7LL * 24 * 3600;

class WatchedTlsStore final : public TlsStore {
 public:
  WatchedTlsStore(const TlsFiles& files, TlsMaterial material, const Clock& realtime,
                  Logger* logger, std::chrono::milliseconds interval)
      : files_(files),
        realtime_(realtime),
        logger_(logger),
        material_(std::make_shared<const TlsMaterial>(std::move(material))),
        watcher_(
            "TLS files", files.paths(), [this] { return Reload(); }, logger, interval) {
    WarnOfExpiry(*Current());
  }

  std::shared_ptr<const TlsMaterial> Current() const override {
    const std::scoped_lock lock(mutex_);
    return material_;
  }

  TlsStatistics statistics() const override {
    const FileWatcher::Statistics watched = watcher_.statistics();
    return {.reloads = watched.reloads,
            .reload_failures = watched.failures,
            .certificate_not_after_unix_s = Current()->certificate.not_after_unix_s};
  }

 private:
  absl::Status Reload() {
    ASSIGN_OR_RETURN(TlsMaterial loaded, LoadTlsMaterial(files_));
    auto material = std::make_shared<const TlsMaterial>(std::move(loaded));
    WarnOfExpiry(*material);
    const std::scoped_lock lock(mutex_);
    material_ = std::move(material);
    return absl::OkStatus();
  }

  void WarnOfExpiry(const TlsMaterial& material) {
    const int64_t left_s = material.certificate.not_after_unix_s - realtime_.NowNs() / kNsPerSecond;
    if (!material.certificate_pem.empty() && left_s < kWarnAheadS) {
      logger_->Warn("certificate_expiry",
                    fmt::format("The certificate in {} {} on {}; renew it", files_.certificate,
                                left_s < 0 ? "expired" : "expires",
                                FormatUnixSeconds(material.certificate.not_after_unix_s)),
                    {{"subject", material.certificate.subject}});
    }
  }

  const TlsFiles files_;
  const Clock& realtime_;
  Logger* const logger_;
  mutable std::mutex mutex_;
  std::shared_ptr<const TlsMaterial> material_;
  FileWatcher watcher_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<TlsStore>> TlsStore::Open(const TlsFiles& files,
                                                         const Clock& realtime, Logger* logger,
                                                         std::chrono::milliseconds interval) {
  ASSIGN_OR_RETURN(TlsMaterial material, LoadTlsMaterial(files));
  return std::make_unique<WatchedTlsStore>(files, std::move(material), realtime, logger, interval);
}

}  // namespace audio_latency
