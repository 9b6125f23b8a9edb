#include "probe/check/setting_check.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <system_error>

#include "absl/status/statusor.h"
#include "common/http/http_server.h"
#include "common/time/clock.h"
#include "common/tls/tls_files.h"
#include "fmt/format.h"

namespace audio_latency::probe {
namespace {

constexpr char kCertificatesCheck[] = "certificates";
constexpr char kMetricsPortCheck[] = "metrics port";

}  // namespace

CheckItem CheckCertificates(const TlsOptions& options, int64_t now_unix_s) {
  constexpr int64_t kSoonS = 7 * 24 * 3600;
  if (!options.use_tls()) {
    return {kCertificatesCheck, CheckState::kOk, "none: plain text to the correlator", ""};
  }
  const absl::StatusOr<TlsMaterial> material = LoadTlsMaterial(options.files);
  if (!material.ok()) {
    CheckItem item = MissingItem(kCertificatesCheck, material.status());
    item.advice =
        "name good PEM files in TLS_CERT_FILE, TLS_KEY_FILE and TLS_CA_FILE that the "
        "probe may read";
    return item;
  }
  const CertificateFacts& facts = material->certificate;
  const std::string end = FormatUnixSeconds(facts.not_after_unix_s);
  if (facts.not_before_unix_s > now_unix_s) {
    return {kCertificatesCheck, CheckState::kMissing,
            fmt::format("{} is not valid before {}", facts.subject,
                        FormatUnixSeconds(facts.not_before_unix_s)),
            "check this machine's clock, or issue the certificate anew"};
  }
  if (facts.not_after_unix_s < now_unix_s) {
    return {kCertificatesCheck, CheckState::kMissing,
            fmt::format("{} has expired, on {}", facts.subject, end), "renew TLS_CERT_FILE"};
  }
  const std::string found = fmt::format("{}, valid until {}", facts.subject, end);
  return facts.not_after_unix_s - now_unix_s < kSoonS
             ? CheckItem{kCertificatesCheck, CheckState::kNote, found, "renew TLS_CERT_FILE soon"}
             : CheckItem{kCertificatesCheck, CheckState::kOk, found, ""};
}

CheckItem CheckMetricsPort(const std::string& address, uint16_t port, bool another_probe_runs) {
  const auto server = HttpServer::Start(address, port, {});
  if (server.ok()) {
    return {kMetricsPortCheck, CheckState::kOk, fmt::format("{} port {} is free", address, port),
            ""};
  }
  CheckItem item = MissingItem(kMetricsPortCheck, server.status());
  if (another_probe_runs) {
    item.state = CheckState::kNote;
    item.advice =
        "a probe runs on this machine already; if that does not hold the port, " + item.advice;
  }
  return item;
}

bool AnotherProbeRuns() {
  // The kernel keeps 15 characters of a program's name.
  constexpr char kName[] = "audio-latency-p";
  const std::string own = std::to_string(getpid());
  std::error_code error;
  for (const auto& process : std::filesystem::directory_iterator("/proc", error)) {
    const std::string id = process.path().filename();
    if (id.find_first_not_of("0123456789") != std::string::npos || id == own) {
      continue;
    }
    std::ifstream file(process.path() / "comm");
    std::string name;
    if (std::getline(file, name) && name == kName) {
      return true;
    }
  }
  return false;
}

}  // namespace audio_latency::probe
