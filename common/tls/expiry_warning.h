// That a certificate must be renewed, said until it is.

#ifndef COMMON_TLS_EXPIRY_WARNING_H_
#define COMMON_TLS_EXPIRY_WARNING_H_

#include <cstdint>
#include <optional>
#include <string>

#include "common/logging/logger.h"
#include "common/time/clock.h"
#include "common/tls/tls_files.h"

namespace audio_latency {

// Warns from a week before the end on: when that begins, each day, and when the end has come. Not
// thread-safe.
class ExpiryWarning {
 public:
  // `path`: of the certificate, for the log. `realtime` and `logger` must outlive this.
  ExpiryWarning(std::string path, const Clock& realtime, Logger* logger);

  // To be called now and then with what is in use.
  void Look(const TlsMaterial& material);

 private:
  struct Told {
    int64_t at_unix_s = 0;
    int64_t not_after_unix_s = 0;
    bool has_expired = false;
  };

  const std::string path_;
  const Clock& realtime_;
  Logger* const logger_;
  std::optional<Told> told_;
};

}  // namespace audio_latency

#endif  // COMMON_TLS_EXPIRY_WARNING_H_
