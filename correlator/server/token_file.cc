#include "correlator/server/token_file.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <array>
#include <mutex>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "common/names/node_name.h"
#include "common/status/status_macros.h"
#include "common/tls/tls_files.h"
#include "fmt/format.h"

namespace audio_latency::correlator {
namespace {

using Digest = std::array<uint8_t, SHA256_DIGEST_LENGTH>;

Digest DigestOf(std::string_view text) {
  Digest digest;
  SHA256(reinterpret_cast<const uint8_t*>(text.data()), text.size(), digest.data());
  return digest;
}

std::string_view Trimmed(std::string_view line) {
  constexpr std::string_view kSpace = " \t\r";
  const size_t first = line.find_first_not_of(kSpace);
  if (first == std::string_view::npos) {
    return {};
  }
  return line.substr(first, line.find_last_not_of(kSpace) - first + 1);
}

absl::StatusOr<std::vector<Digest>> LoadTokens(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, ReadSmallFile(path));
  std::vector<Digest> digests;
  std::string_view rest = text;
  for (int number = 1; !rest.empty(); ++number) {
    const size_t end = rest.find('\n');
    const std::string_view line = Trimmed(rest.substr(0, end));
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    if (line.empty() || line.front() == '#') {
      continue;
    }
    if (line.size() < TokenFile::kLeastTokenBytes ||
        !IsPlainText(line, TokenFile::kMostTokenBytes) ||
        line.find(' ') != std::string_view::npos) {
      return absl::InvalidArgumentError(
          fmt::format("{}:{}: a token has {} to {} characters of ASCII without spaces, one token a "
                      "line (make one with: openssl rand -hex 32)",
                      path, number, TokenFile::kLeastTokenBytes, TokenFile::kMostTokenBytes));
    }
    digests.push_back(DigestOf(line));
  }
  if (digests.empty() || digests.size() > TokenFile::kMaxTokens) {
    return absl::InvalidArgumentError(fmt::format("{}: it holds {} tokens; 1 to {} are allowed",
                                                  path, digests.size(), TokenFile::kMaxTokens));
  }
  return digests;
}

class WatchedTokenFile final : public TokenFile {
 public:
  WatchedTokenFile(const std::string& path, std::vector<FileStamp> stamps,
                   std::vector<Digest> digests, Logger* logger, std::chrono::milliseconds interval)
      : path_(path),
        digests_(std::move(digests)),
        watcher_(
            "token file", {path}, std::move(stamps), [this] { return Reload(); }, logger,
            interval) {}

  bool Contains(std::string_view token) const override {
    // Digests are of one length, and all are compared: the time tells nothing of the tokens.
    const Digest asked = DigestOf(token);
    const std::scoped_lock lock(mutex_);
    int found = 0;
    for (const Digest& digest : digests_) {
      found |= static_cast<int>(CRYPTO_memcmp(digest.data(), asked.data(), asked.size()) == 0);
    }
    return found != 0;
  }

 private:
  absl::Status Reload() {
    ASSIGN_OR_RETURN(std::vector<Digest> digests, LoadTokens(path_));
    const std::scoped_lock lock(mutex_);
    digests_ = std::move(digests);
    return absl::OkStatus();
  }

  const std::string path_;
  mutable std::mutex mutex_;
  std::vector<Digest> digests_;
  FileWatcher watcher_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<TokenFile>> TokenFile::Open(const std::string& path, Logger* logger,
                                                           std::chrono::milliseconds interval) {
  std::vector<FileStamp> stamps = StampsOf({path});
  ASSIGN_OR_RETURN(std::vector<Digest> digests, LoadTokens(path));
  return std::make_unique<WatchedTokenFile>(path, std::move(stamps), std::move(digests), logger,
                                            interval);
}

}  // namespace audio_latency::correlator
