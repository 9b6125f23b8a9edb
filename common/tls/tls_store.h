// The certificate, key and authorities in use, renewed when their files are.

#ifndef COMMON_TLS_TLS_STORE_H_
#define COMMON_TLS_TLS_STORE_H_

#include <chrono>
#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "common/logging/logger.h"
#include "common/time/clock.h"
#include "common/tls/file_watcher.h"
#include "common/tls/tls_files.h"

namespace audio_latency {

struct TlsStatistics {
  uint64_t reloads = 0;
  uint64_t reload_failures = 0;
  // End of our own certificate, in seconds of Unix time.
  int64_t certificate_not_after_unix_s = 0;
};

// Thread-safe.
class TlsStore {
 public:
  // Fails as LoadTlsMaterial does. Later files that cannot be used are told to `logger`, and the
  // material stays. So is, once a day, a certificate of ours that has expired or will within a
  // week.
  static absl::StatusOr<std::unique_ptr<TlsStore>> Open(
      const TlsFiles& files, const Clock& realtime, Logger* logger,
      std::chrono::milliseconds interval = FileWatcher::kInterval);
  virtual ~TlsStore() = default;

  // The pointer changes when, and only when, the files were loaded again.
  virtual std::shared_ptr<const TlsMaterial> Current() const = 0;
  virtual TlsStatistics statistics() const = 0;
};

}  // namespace audio_latency

#endif  // COMMON_TLS_TLS_STORE_H_
