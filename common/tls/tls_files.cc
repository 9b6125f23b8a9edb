#include "common/tls/tls_files.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "common/status/status_macros.h"
#include "fmt/format.h"

namespace audio_latency {
namespace {

constexpr uintmax_t kMaxFileBytes = uintmax_t{1} << 20;

absl::Status About(const std::string& path, const absl::Status& status) {
  return status.ok() ? status
                     : absl::Status(status.code(), fmt::format("{}: {}", path, Message(status)));
}

}  // namespace

std::vector<std::string> TlsFiles::paths() const {
  std::vector<std::string> given;
  for (const std::string* const path : {&certificate, &key, &authorities}) {
    if (!path->empty()) {
      given.push_back(*path);
    }
  }
  return given;
}

absl::StatusOr<std::string> ReadSmallFile(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) {
    return absl::NotFoundError(fmt::format("{}: there is no such file, or it is no file", path));
  }
  if (std::filesystem::file_size(path, error) > kMaxFileBytes) {
    return absl::InvalidArgumentError(fmt::format("{}: it is larger than 1 MiB", path));
  }
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (!file.is_open() || (text << file.rdbuf(), file.bad())) {
    return absl::PermissionDeniedError(fmt::format(
        "{}: it cannot be read: {}; check its owner and mode", path, std::strerror(errno)));
  }
  return std::move(text).str();
}

absl::StatusOr<TlsMaterial> LoadTlsMaterial(const TlsFiles& files) {
  TlsMaterial material;
  ASSIGN_OR_RETURN(material.authorities_pem, ReadSmallFile(files.authorities));
  absl::StatusOr<std::shared_ptr<const Authorities>> authorities =
      Authorities::Parse(material.authorities_pem);
  RETURN_IF_ERROR(About(files.authorities, authorities.status()));
  material.authorities = *std::move(authorities);
  if (files.certificate.empty() && files.key.empty()) {
    return material;
  }
  ASSIGN_OR_RETURN(material.certificate_pem, ReadSmallFile(files.certificate));
  ASSIGN_OR_RETURN(material.key_pem, ReadSmallFile(files.key));
  absl::StatusOr<CertificateFacts> facts = ReadCertificate(material.certificate_pem);
  RETURN_IF_ERROR(About(files.certificate, facts.status()));
  material.certificate = *std::move(facts);
  RETURN_IF_ERROR(About(files.key, CheckKeyPair(material.certificate_pem, material.key_pem)));
  return material;
}

}  // namespace audio_latency
