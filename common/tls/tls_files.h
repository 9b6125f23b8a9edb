// Certificate, private key and authorities, read from files and checked together.

#ifndef COMMON_TLS_TLS_FILES_H_
#define COMMON_TLS_TLS_FILES_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/tls/certificate.h"

namespace audio_latency {

// Paths of PEM files; "": not given.
struct TlsFiles {
  // Our certificate, then those that lead to an authority.
  std::string certificate;
  std::string key;
  // The authorities that others' certificates must come from.
  std::string authorities;

  bool empty() const { return certificate.empty() && key.empty() && authorities.empty(); }
  // Those that are given.
  std::vector<std::string> paths() const;
};

// What the files held, good to be used.
struct TlsMaterial {
  // Both empty when no certificate of our own was given.
  std::string certificate_pem;
  std::string key_pem;
  std::string authorities_pem;
  CertificateFacts certificate;
  std::shared_ptr<const Authorities> authorities;
};

// Reads `files`, of which `authorities` must be given, `certificate` and `key` both or neither. The
// error names the file and what is wrong with it.
absl::StatusOr<TlsMaterial> LoadTlsMaterial(const TlsFiles& files);

// The whole of a regular file of at most 1 MiB.
absl::StatusOr<std::string> ReadSmallFile(const std::string& path);

}  // namespace audio_latency

#endif  // COMMON_TLS_TLS_FILES_H_
