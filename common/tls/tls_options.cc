#include "common/tls/tls_options.h"

#include "common/address/host_port.h"
#include "fmt/format.h"

namespace audio_latency {

void AddTlsOptions(ConfigParser* parser, TlsOptions* options) {
  parser->AddChoice("TLS",
                    "auto: TLS with the three files, plain text without them and on loopback only; "
                    "off: plain text everywhere",
                    {"auto", "off"}, &options->mode);
  parser->AddString("TLS_CERT_FILE", "PEM file of this program's certificate, and what it hangs on",
                    &options->files.certificate);
  parser->AddString("TLS_KEY_FILE", "PEM file of the certificate's private key",
                    &options->files.key);
  parser->AddString("TLS_CA_FILE", "PEM file of the authorities that sign the others' certificates",
                    &options->files.authorities);
}

absl::Status CheckTlsOptions(const TlsOptions& options, std::string_view host_option,
                             std::string_view host) {
  const TlsFiles& files = options.files;
  if (options.mode == "off") {
    return files.empty() ? absl::OkStatus()
                         : absl::InvalidArgumentError(
                               "TLS is off, but TLS_CERT_FILE, TLS_KEY_FILE or TLS_CA_FILE is set; "
                               "leave out the one or the other");
  }
  if (files.empty()) {
    return IsLoopbackHost(host)
               ? absl::OkStatus()
               : absl::InvalidArgumentError(fmt::format(
                     "{} is {}, which is not loopback, and no certificate is given: set "
                     "TLS_CERT_FILE, TLS_KEY_FILE and TLS_CA_FILE, or TLS=off for plain text that "
                     "anybody on the network can read and forge",
                     host_option, host));
  }
  if (files.certificate.empty() || files.key.empty() || files.authorities.empty()) {
    return absl::InvalidArgumentError(fmt::format("TLS needs three files, and {} is not set",
                                                  files.certificate.empty() ? "TLS_CERT_FILE"
                                                  : files.key.empty()       ? "TLS_KEY_FILE"
                                                                            : "TLS_CA_FILE"));
  }
  return absl::OkStatus();
}

}  // namespace audio_latency
