// Bearer tokens (RFC 6750) that open the query API.

#ifndef CORRELATOR_SERVER_TOKEN_FILE_H_
#define CORRELATOR_SERVER_TOKEN_FILE_H_

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/logging/logger.h"
#include "common/tls/file_watcher.h"

namespace audio_latency::correlator {

// One token a line; empty lines and lines that begin with '#' are left out. Loaded again when the
// file changes; what cannot be used is told, and the earlier tokens stay. Thread-safe.
class TokenFile {
 public:
  // Shorter ones could be guessed; longer ones do not fit into a header.
  static constexpr size_t kLeastTokenBytes = 16;
  static constexpr size_t kMostTokenBytes = 4096;
  static constexpr size_t kMaxTokens = 1000;

  // The error names the line that is no token, never its text.
  static absl::StatusOr<std::unique_ptr<TokenFile>> Open(
      const std::string& path, Logger* logger,
      std::chrono::milliseconds interval = FileWatcher::kInterval);
  virtual ~TokenFile() = default;

  // Takes as long whichever token it is, or none.
  virtual bool Contains(std::string_view token) const = 0;
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_SERVER_TOKEN_FILE_H_
