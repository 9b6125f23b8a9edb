#include "correlator/ingest/probe_identity.h"

#include <strings.h>

#include <algorithm>
#include <vector>

#include "fmt/format.h"
#include "fmt/ranges.h"

namespace audio_latency::correlator {

absl::Status CheckMayReportAs(const ProbeIdentity& identity, const std::string& node) {
  if (!identity.certificate.has_value() || identity.is_shared) {
    return absl::OkStatus();
  }
  const CertificateFacts& facts = *identity.certificate;
  const bool is_named =
      std::any_of(facts.dns_names.begin(), facts.dns_names.end(),
                  [&](const std::string& name) {
                    return name.size() == node.size() &&
                           strncasecmp(name.data(), node.data(), name.size()) == 0;
                  }) ||
      std::find(facts.uris.begin(), facts.uris.end(), kNodeUriPrefix + node) != facts.uris.end();
  if (is_named) {
    return absl::OkStatus();
  }
  std::vector<std::string> names = facts.dns_names;
  names.insert(names.end(), facts.uris.begin(), facts.uris.end());
  return absl::PermissionDeniedError(fmt::format(
      "the probe reports as node {}, but its certificate ({}) names {}; set K8S_NODE_NAME to that, "
      "or issue a certificate whose subjectAltName is DNS:{}",
      node, facts.subject, names.empty() ? "no node" : fmt::format("{}", fmt::join(names, ", ")),
      node));
}

}  // namespace audio_latency::correlator
