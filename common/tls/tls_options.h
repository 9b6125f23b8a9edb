// Whether a program speaks TLS, and with what: the options that both programs share.

#ifndef COMMON_TLS_TLS_OPTIONS_H_
#define COMMON_TLS_TLS_OPTIONS_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "common/config/config.h"
#include "common/tls/tls_files.h"

namespace audio_latency {

struct TlsOptions {
  // "auto": with files TLS, without them plain text on loopback only; "off": plain text, asked for.
  std::string mode = "auto";
  TlsFiles files;

  bool use_tls() const { return !files.empty(); }
};

// Adds TLS, TLS_CERT_FILE, TLS_KEY_FILE and TLS_CA_FILE. `options` must outlive the parser.
void AddTlsOptions(ConfigParser* parser, TlsOptions* options);

// INVALID_ARGUMENT, with what to do, unless the files are all given, or none and plain text is
// allowed: asked for by TLS=off, or `host`, the value of the option `host_option`, is loopback.
absl::Status CheckTlsOptions(const TlsOptions& options, std::string_view host_option,
                             std::string_view host);

}  // namespace audio_latency

#endif  // COMMON_TLS_TLS_OPTIONS_H_
