#include "tests/e2e/issued_certificates.h"

#include "common/status/status_macros.h"
#include "fmt/format.h"
#include "tests/lab/process.h"

namespace audio_latency::lab {
namespace {

// $1: the correlator's address.
constexpr const char* kIssue = R"(
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 \
  -subj "/CN=audio-latency CA" -keyout ca.key -out ca.pem
issue() {
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$1" -keyout "$1.key" \
    -out "$1.csr"
  openssl x509 -req -in "$1.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -days 90 -out "$1.pem" \
    -extfile <(echo "subjectAltName=$2")
}
issue correlator "DNS:correlator,IP:$1"
issue node-a DNS:node-a
issue me URI:audio-latency://user/me
)";

}  // namespace

absl::Status IssueCertificates(const std::string& folder, const std::string& correlator_address) {
  ProcessOptions issuing;
  issuing.arguments = {"bash", "-c", fmt::format("set -e; cd {};{}", folder, kIssue), "issue",
                       correlator_address};
  ASSIGN_OR_RETURN(const CommandResult issued, RunCommand(issuing));
  return issued.exit_status == 0 ? absl::OkStatus() : absl::InternalError(issued.error);
}

std::map<std::string, std::string> TlsOf(const std::string& folder, const std::string& name) {
  return {{"TLS_CERT_FILE", fmt::format("{}/{}.pem", folder, name)},
          {"TLS_KEY_FILE", fmt::format("{}/{}.key", folder, name)},
          {"TLS_CA_FILE", folder + "/ca.pem"}};
}

}  // namespace audio_latency::lab
